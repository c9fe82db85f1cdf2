"""Everything that can be set, with its defaults: one section a struct, one field a key."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One section of the file; a key that is not a field is an error."""


class Listen(Section, frozen=True):
    """Where clients and operators come in."""

    address: str = "127.0.0.1:8001"
    """HOST:PORT for clients; port 0 takes any free one."""
    admin: str = ""
    """HOST:PORT for /metrics and /stats; empty: nowhere."""
    workers: Count = 0
    """Processes that serve, with a supervisor above; 0: this process alone."""
    backlog: Positive = 1024
    """Connections that the system holds until they are accepted."""
    probes: bool = True
    """Whether /health and /ready are answered on the clients' address, too."""


class QueueSettings(Section, frozen=True):
    """Where events go."""

    url: str = ""
    """sqlite:PATH#events,profiles and the like."""
    quarantine: str = ""
    """Queue name (or names by position, with commas) that takes everything instead."""


class ContractSettings(Section, frozen=True):
    """What clients may send, and what they hear."""

    name: Literal["classic", "modern"] = "classic"
    profile: Literal["mochiweb", "strict"] = "mochiweb"
    """How classic decodes."""


class LimitSettings(Section, frozen=True):
    """How much is taken on. 0 stands for no limit, where it is allowed."""

    head: Positive = 65_536
    """Bytes of request line and headers together."""
    body: Positive = 10 * 1024 * 1024
    """Bytes of a body as it is sent."""
    headers: Positive = 1000
    """Header lines of one request."""
    connections: Count = 10_000
    """Open connections of one process; those beyond are answered 503."""
    connections_per_address: Count = 0
    """Open connections from one address to one process."""
    requests: Count = 2000
    """Requests of one process that are being answered at the same time."""
    retry_after: Positive = 5
    """Seconds after which a client that was turned away should come again."""


class TimeoutSettings(Section, frozen=True):
    """Time limits, in whole seconds."""

    idle: Positive = 75
    """Without a byte while nothing is being answered."""
    request: Positive = 300
    """From the first byte of a request to its last."""
    linger: Positive = 2
    """For a client to read a refusal before its connection is cut."""
    notice: Seconds = 0
    """On SIGTERM: how long /ready says 503 while requests are still accepted."""
    grace: Annotated[float, Meta(ge=0)] = 0.5
    """On SIGTERM: how long an open connection may still bring a request."""
    drain: Positive = 10
    """On SIGTERM: for requests that are under way."""


class PrivacySettings(Section, frozen=True):
    """What is kept of a person's address."""

    ip: Literal["keep", "truncate", "drop"] = "keep"
    """Truncate: to /24 (IPv4) or /48 (IPv6)."""


class ProxySettings(Section, frozen=True):
    """Whose word about a client's address is taken (modern contract)."""

    trusted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks of our own fronts."""


class TokenSettings(Section, frozen=True):
    """What a project may send."""

    rate: Rate = 0.0
    """Events a second of one token; 0: any number. Divided by the number of workers."""
    burst: Positive = 10_000
    """Events that a token may send at once when it was quiet."""
    rates: dict[str, Rate] = {}
    """Rates of single tokens, before ``rate``."""
    remembered: Positive = 100_000
    """Tokens whose rate is watched at the same time."""
    allow: tuple[str, ...] = ()
    """If not empty: only these tokens may store."""
    deny: tuple[str, ...] = ()
    """These may not."""


class RedirectSettings(Section, frozen=True):
    """Where ``redirect=`` may lead (modern contract)."""

    hosts: tuple[str, ...] = ()
    """Allowed host names; none: no redirects."""


class MetricSettings(Section, frozen=True):
    """What is counted."""

    buckets: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
    """Upper bounds of the histogram of answering times, in seconds, growing."""
    poll: Positive = 5
    """Seconds between two looks of the supervisor at its workers' counters."""


class LogSettings(Section, frozen=True):
    """What is written down, as JSON lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str = ""
    """Path; empty: standard error."""
    access: bool = False
    """One line a request: without query strings, bodies and tokens."""
    repeats: Positive = 10
    """Lines of one kind a minute; those beyond are counted."""


class Settings(Section, frozen=True):
    """The whole file."""

    listen: Listen = Listen()
    queue: QueueSettings = QueueSettings()
    contract: ContractSettings = ContractSettings()
    limits: LimitSettings = LimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    privacy: PrivacySettings = PrivacySettings()
    proxies: ProxySettings = ProxySettings()
    tokens: TokenSettings = TokenSettings()
    redirect: RedirectSettings = RedirectSettings()
    metrics: MetricSettings = MetricSettings()
    logs: LogSettings = LogSettings()
