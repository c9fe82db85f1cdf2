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
    loop: Literal["twisted", "lean"] = "twisted"
    """The event loop: Twisted's own, or one that does less for each read."""
    probes: bool = True
    """Whether /health and /ready are answered on the clients' address, too."""


class QueueSettings(Section, frozen=True):
    """Where events go."""

    url: str = ""
    """sqlite:PATH#events,profiles and the like."""
    quarantine: str = ""
    """Queue name (or names by position, with commas) that takes everything instead."""
    shards: Annotated[int, Meta(ge=1, le=256)] = 1
    """Queues by which each name is served: ``events-0``, ``events-1`` and so on."""
    classes: dict[str, tuple[str, ...]] = {}
    """Tokens by the name of their class, whose events go to queues of their own."""


class SpoolSettings(Section, frozen=True):
    """Where events wait while the queue is away, and when a client hears 1."""

    directory: str = ""
    """On a local disk; empty: no spool."""
    ack: Literal["queue", "spool", "memory"] = "queue"
    """What an event must have reached: the queue (the spool while that is away), the spool, or
    memory, which is for trials."""
    bytes: Positive = 1 << 30
    """Of the files of one worker's spool."""
    patience: Annotated[float, Meta(gt=0)] = 2.0
    """Seconds for one write to the queue; then the event goes to the spool."""


class DeadLetterSettings(Section, frozen=True):
    """Where records go that are no good, with the reason."""

    url: str = ""
    """sqlite:PATH, or a directory for JSON lines; empty: nowhere."""
    bytes: Annotated[int, Meta(ge=65536)] = 256 * 1024 * 1024
    """Of all that is kept; the oldest goes first."""
    record: Positive = 65_536
    """Bytes of one record that are kept."""


class AliasSettings(Section, frozen=True):
    """Whether events are put under their person's own id."""

    url: str = ""
    """sqlite:PATH of what is known of aliases; empty: nothing is looked up."""
    mode: Literal["off", "dark", "live"] = "live"
    """Dark: looked up and learned, but no event is changed."""


class ContractSettings(Section, frozen=True):
    """What clients may send, and what they hear."""

    name: Literal["classic", "modern"] = "classic"
    profile: Literal["mochiweb", "mochiweb-2011", "strict"] = "mochiweb"
    """How classic decodes."""
    prefixes: tuple[str, ...] = ("",)
    """What may stand before /track and the others (modern)."""
    records: Positive = 2000
    """Records of one request (modern)."""
    record_bytes: Positive = 1024 * 1024
    """Bytes of one record (modern)."""
    token_length: Positive = 64
    """Characters of a token (modern)."""


class ImportSettings(Section, frozen=True):
    """Who may send to /import (modern contract)."""

    authentication: Literal["off", "token", "required"] = "off"
    """Off: nobody is asked. Token: a credential that is there must be known. Required."""
    keys: dict[str, str] = {}
    """API key, secret or token, to the project's token."""
    accounts: dict[str, str] = {}
    """Service account's name to its secret."""
    projects: dict[str, str] = {}
    """project_id to the project's token, for service accounts."""


class LimitSettings(Section, frozen=True):
    """How much is taken on. 0 stands for no limit, where it is allowed."""

    line: Positive = 131_072
    """Bytes of a request target; beyond them 414."""
    head: Positive = 65_536
    """Bytes of the header lines together."""
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
    hang: Annotated[int, Meta(ge=2)] = 60
    """After which a worker that says nothing to its supervisor is killed."""


class PrivacySettings(Section, frozen=True):
    """What is kept of a person's address."""

    ip: Literal["keep", "truncate", "drop"] = "keep"
    """Truncate: to /24 (IPv4) or /48 (IPv6)."""
    key: str = ""
    """Keys the hash of an address that stands in for a missing person (modern); one for all
    servers. Without it such a hash can be turned back by trying all addresses."""


class ProxySettings(Section, frozen=True):
    """Whose word about a client's address is taken (modern contract)."""

    trusted: tuple[str, ...] = ()
    """Networks of our own fronts."""
    hops: Count = 0
    """How many fronts stand before us, whatever their addresses."""


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
    traffic: bool = True
    """Whether /stats says who sends what; needs an address for operators."""
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
    spool: SpoolSettings = SpoolSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    aliases: AliasSettings = AliasSettings()
    contract: ContractSettings = ContractSettings()
    imports: ImportSettings = ImportSettings()
    limits: LimitSettings = LimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    privacy: PrivacySettings = PrivacySettings()
    proxies: ProxySettings = ProxySettings()
    tokens: TokenSettings = TokenSettings()
    redirect: RedirectSettings = RedirectSettings()
    metrics: MetricSettings = MetricSettings()
    logs: LogSettings = LogSettings()
