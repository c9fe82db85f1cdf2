"""Everything that can be set for a dual run, with its defaults: the section ``[shadow]``."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Part = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
Limit = Annotated[float, Meta(ge=0.1)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """One section of the file; a key that is not a field is an error."""


class TimeoutSettings(Section, frozen=True):
    """Time limits, in seconds."""

    answer: Limit = 10.0
    """For a side to answer a request."""
    connect: Limit = 2.0
    """For a connection to a side to be made."""
    grace: Seconds = 0.5
    """On SIGTERM: how long an open connection may still bring a request."""
    drain: Seconds = 10.0
    """On SIGTERM: for clients and the lane; after them for the taps."""
    hang: Annotated[float, Meta(ge=2)] = 60.0
    """After which a process that says nothing to its supervisor is killed."""


class LaneSettings(Section, frozen=True):
    """How much may be on the way to the candidate; of each proxy process."""

    requests: Positive = 10_000
    """Waiting requests."""
    bytes: Positive = 64 * 1024 * 1024
    """Bytes of requests that wait or are in flight."""
    in_flight: Positive = 64
    """Requests that the candidate has and has not answered."""


class BreakerSettings(Section, frozen=True):
    """When a candidate that is down is left alone."""

    failures: Positive = 10
    """So many failures in a row open the circuit."""
    first: Annotated[float, Meta(gt=0)] = 0.5
    """Seconds until the first probe; doubled after each that fails."""
    longest: Annotated[float, Meta(gt=0)] = 10.0
    """Seconds between probes, at most."""


class LogSettings(Section, frozen=True):
    """What is written down, as JSON lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str = ""
    """Path; empty: standard error."""
    repeats: Positive = 10
    """Lines of one kind a minute; those beyond are counted."""


class ShadowSettings(Section, frozen=True):
    """The section ``[shadow]``. What has a flag has the flag's name."""

    listen: str = "127.0.0.1:8000"
    """HOST:PORT for clients; port 0 takes any free one."""
    legacy: str = ""
    """URL of the service in production."""
    candidate: str = ""
    """URL of its rewrite; this instance writes to quarantined queues."""
    candidate_live: str = ""
    """URL of the candidate's instance that writes to the production queues: from the ramp on."""
    legacy_shadow: str = ""
    """URL of a legacy instance that writes to quarantined queues: for requests that the candidate
    owns. Without it they are answered by the candidate alone."""
    legacy_queue: str = ""
    """Queue URL: where legacy's events lie."""
    candidate_queue: str = ""
    """Queue URL: where the candidate's lie."""
    legacy_build: str = ""
    candidate_build: str = ""
    run: str = ""
    """Directory to record in."""
    notes: tuple[str, ...] = ()
    """Sentences for the report."""
    share: Part = 1.0
    """Part of the requests that the candidate gets, too."""
    workers: Positive = 1
    """Proxy processes on one address."""
    live: str = ""
    """HOST:PORT of the live page; empty: none."""
    beside: bool = False
    """Listen beside the proxies that a killed supervisor left behind; see docs/operations.md."""
    backlog: Positive = 1024
    """Connections that the system holds for each proxy until they are accepted."""
    timeouts: TimeoutSettings = TimeoutSettings()
    lane: LaneSettings = LaneSettings()
    breaker: BreakerSettings = BreakerSettings()
    logs: LogSettings = LogSettings()

    @property
    def is_single(self) -> bool:
        """Whether one process does everything."""
        return self.workers == 1 and not self.live
