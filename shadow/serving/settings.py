"""Everything that can be set for a dual run, with its defaults: ``mixmigrate.toml``."""

from typing import Annotated, Literal

from msgspec import Meta

from pyingest.serving.settings import Positive, Section
from shadow.isolating.settings import IsolationSettings, RuleSettings, SamplingSettings
from shadow.relaying.settings import RelayingSettings
from shadow.runs.settings import RecordingSettings

LONGEST = 86_400.0
"""Seconds beyond which a time limit is none: a day."""
Seconds = Annotated[float, Meta(ge=0, le=LONGEST)]
Limit = Annotated[float, Meta(ge=0.1, le=LONGEST)]


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
    hang: Annotated[float, Meta(ge=2, le=LONGEST)] = 60.0
    """After which a process that says nothing to its supervisor is killed."""


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
    cutover: str = ""
    """Directory of a cutover (docs/cutover.md), whose stage says who answers."""
    legacy_queue: str = ""
    """Queue URL: where legacy's events lie."""
    candidate_queue: str = ""
    """Queue URL: where the candidate's lie."""
    legacy_build: str = ""
    """What legacy is: a version, for the report."""
    candidate_build: str = ""
    run: str = ""
    """Directory to record in."""
    notes: tuple[str, ...] = ()
    """Sentences for the report."""
    workers: Positive = 1
    """Proxy processes on one address."""
    live: str = ""
    """HOST:PORT of the live page; empty: none."""
    live_policy: str = "default"
    """The policy by which the live page judges: a file, or a built-in one."""
    live_token_file: str = ""
    """A file with the token that opens the live page."""
    beside: bool = False
    """Listen beside the proxies that a killed supervisor left behind; see docs/operations.md."""
    backlog: Positive = 1024
    """Connections that the system holds for each proxy until they are accepted."""
    loop: Literal["twisted", "lean"] = "twisted"
    """The event loop: Twisted's own, or one that does less for each read."""


class LogSettings(Section, frozen=True):
    """What is written down, as JSON lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str = ""
    """Path; empty: standard error."""
    repeats: Positive = 10
    """Lines of one kind a minute; those beyond are counted."""


class Settings(Section, frozen=True):
    """The whole file. No other command reads it: a section that is not here is an error."""

    shadow: ShadowSettings = ShadowSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    sampling: SamplingSettings = SamplingSettings()
    rules: tuple[RuleSettings, ...] = ()
    isolation: IsolationSettings = IsolationSettings()
    relaying: RelayingSettings = RelayingSettings()
    recording: RecordingSettings = RecordingSettings()
    logs: LogSettings = LogSettings()

    @property
    def is_single(self) -> bool:
        """Whether one process does everything."""
        return self.shadow.workers == 1 and not self.shadow.live
