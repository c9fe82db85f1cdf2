"""What a dual run is told: where the sides are, where they queue, and how much it may take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pyingest.queues.interface import QueueError, QueueUrl, parse_queue_url
from shadow.exchange import Side
from shadow.isolating.settings import Isolating
from shadow.relaying.settings import RelayingSettings
from shadow.runs.settings import RecordingSettings


class ShadowError(Exception):
    """The dual run cannot start. The text says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class SideOptions:
    """One side: where it listens, where it queues, and what it is."""

    url: str
    queue: str
    build: str = ""
    """Free text that identifies what was run: a version, a commit."""


@dataclass(frozen=True, slots=True)
class ShadowOptions:
    """How to run."""

    host: str
    port: int
    legacy: SideOptions
    candidate: SideOptions
    run: Path
    notes: Sequence[str] = ()
    candidate_live: str = ""
    """URL of the candidate's instance that writes to the production queues."""
    legacy_shadow: str = ""
    """URL of a legacy instance that writes to quarantined queues."""
    cutover: Path | None = None
    """The directory of a cutover, whose stage says who answers; without one, legacy does."""
    backlog: int = 1024
    """Connections that the system holds until they are accepted."""
    answer_seconds: float = 10.0
    """How long each side may take for an answer."""
    connect_seconds: float = 2.0
    """How long a connection to a side may take to be made."""
    grace_seconds: float = 0.0
    """How long an open connection may still bring a request at the end."""
    drain_seconds: float = 10.0
    """How long clients and the lane get to finish at the end; and after them the taps."""
    isolating: Isolating = field(default_factory=Isolating)
    """What keeps the clients unharmed: sampling, rules, lane, breaker, trips."""
    relaying: RelayingSettings = field(default_factory=RelayingSettings)
    """What clients may take: time limits, and how large a request may be."""
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    """How the run is recorded: parts, what is kept of them, what is hidden."""

    def side(self, side: Side) -> SideOptions:
        """Return what is said of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate


def mapped_names(options: ShadowOptions) -> dict[Side, dict[str, str]]:
    """Return, for each side, its queue names and the legacy names they are compared under.

    :raises QueueError: a URL is wrong, or the sides name different numbers of queues.
    :raises ShadowError: both sides publish to one queue.
    """
    legacy = parse_queue_url(options.legacy.queue)
    candidate = parse_queue_url(options.candidate.queue)
    if legacy.location == candidate.location and set(legacy.names) & set(candidate.names):
        raise ShadowError(
            f"both sides publish to one queue ({options.candidate.queue}): every consumer would "
            "get everything twice; give the candidate queues of its own"
        )
    if len(legacy.names) != len(candidate.names):
        raise QueueError(
            f"--legacy-queue names {_listed(legacy)}, --candidate-queue {_listed(candidate)}: "
            "name as many on both sides, in the same order"
        )
    return {
        Side.LEGACY: dict(zip(legacy.names, legacy.names, strict=True)),
        Side.CANDIDATE: dict(zip(candidate.names, legacy.names, strict=True)),
    }


def _listed(url: QueueUrl) -> str:
    return f"{len(url.names)} queues ({', '.join(url.names)})"


def address(url: str) -> tuple[str, int]:
    """Return host and port of a service's URL.

    :raises ShadowError: it is not of the form ``http://HOST:PORT``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:  # the port is no number, a bracket is open
        host, port = None, 0
    if not host or parts.scheme != "http" or not port or parts.path not in ("", "/"):
        raise ShadowError(f"{url!r} is not the URL of a service; write http://HOST:PORT")
    return host, port
