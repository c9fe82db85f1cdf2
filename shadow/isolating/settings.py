"""What can be set about isolation, with defaults: ``[sampling]``, ``[[rules]]``, ``[isolation]``.

The defaults are safe but not nervous: what is always right to do is on, what needs a number that
only the operator knows is off.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pyingest.serving.settings import Count, Positive, Rate, Section
from shadow.isolating.sticky import Sticky

Share = Annotated[float, Meta(ge=0, le=1)]
Above = Annotated[float, Meta(gt=0)]
OneOrMore = str | tuple[str, ...]
"""``"GET"`` or ``["GET", "POST"]``: any of them."""


class SamplingSettings(Section, frozen=True):
    """Which part of the traffic the candidate gets, too."""

    share: Share = 1.0
    """Part of the requests that is mirrored."""
    sticky: Sticky = Sticky.REQUEST
    """What decides whether a request is in the share: ``request``, ``token`` or
    ``distinct_id``."""
    seed: int = 0
    """Another seed chooses others."""
    control: Share = 0.0
    """Of what would be mirrored, the part that is not, drawn at random: the control arm, which
    shows what mirroring costs the clients. 0.02 is a good start."""
    control_by: Literal["request", "slice"] = "request"
    """What is drawn: single requests, or slices of time in which nothing at all is mirrored.
    Slices also show what the mirroring of one request costs the others."""
    slice_seconds: Above = 0.5
    """Length of a slice."""


class RuleSettings(Section, frozen=True):
    """One rule. All that it names must hold; the first rule that matches decides."""

    name: str = ""
    """For counts and messages; its number if empty."""
    method: OneOrMore = ()
    """``GET`` or ``["GET", "POST"]``."""
    path: OneOrMore = ()
    """The whole path, as legacy reads it: decoded, without the query."""
    prefix: OneOrMore = ()
    """How the path begins."""
    regex: str = ""
    """Found anywhere in the path; ``^`` and ``$`` bind it."""
    endpoint: OneOrMore = ()
    """The last part of the path: ``track``, ``engage``, ``groups`` or ``import``."""
    token: OneOrMore = ()
    """The project's token, of the first record."""
    header: dict[str, str] = msgspec.field(default_factory=dict)
    """Header names with a regular expression each, found anywhere in the value; ``""`` asks only
    that the header is there."""
    action: Literal["mirror", "skip", "sample"] = "skip"
    """Mirror all, skip all (``filtered`` in the ledger), or mirror a share."""
    share: Share | None = None
    """With ``sample``: the part that is mirrored."""


class LaneSettings(Section, frozen=True):
    """How much may be on the way to the candidate; what does not fit is shed."""

    requests: Positive = 10_000
    """Requests that wait."""
    bytes: Positive = 64 * 1024 * 1024
    """Of memory, for requests that wait or are in flight."""
    in_flight: Positive = 64
    """Requests that the candidate has and has not answered."""


class BreakerSettings(Section, frozen=True):
    """When the candidate is left alone for a while."""

    failures: Positive = 10
    """So many outages in a row open the circuit."""
    rate: Share = 0.5
    """So large a part of outages among the last ``window`` answers does, too; 1: never."""
    window: Annotated[int, Meta(ge=10, le=10_000)] = 100
    """Answers that are looked at for ``rate``."""
    counted: tuple[Literal["refused", "timed out", "reset", "malformed"], ...] = (
        "refused",
        "timed out",
    )
    """Failures that are outages. A reset or an answer that is not HTTP is evidence."""
    slow: Rate = 0.0
    """Seconds from which an answer counts as an outage; 0: never."""
    errors: bool = False
    """Whether an answer of status 500 and above counts as an outage."""
    first: Above = 0.5
    """Seconds that the circuit stays open for the first time; doubled each time that follows."""
    longest: Above = 30.0
    """Seconds that it stays open at most."""
    probes: Positive = 3
    """Requests that must succeed, one after the other, before the circuit closes."""
    steady: Rate = 60.0
    """Seconds without an outage that opens it, after which ``first`` holds again."""


class TaxSettings(Section, frozen=True):
    """When legacy's answers with a copy to the candidate count as too slow; see the control arm."""

    trip: bool = True
    """Whether the circuit opens for it; without a control arm it never does."""
    ratio: Annotated[float, Meta(ge=1)] = 1.1
    """A mirrored request may take so many times as long as one of the control arm,"""
    slack: Rate = 0.001
    """or so many seconds longer, whichever allows more."""
    alpha: Annotated[float, Meta(gt=0, lt=1)] = 0.001
    """Chance that the circuit ever opens for a tax that is within these bounds, in each
    process."""
    pause: Above = 60.0
    """Seconds for which the circuit stays open then; doubled each time."""


class TripSettings(Section, frozen=True):
    """What else opens the circuit, and what closes it again. A bound of 0 is off."""

    stall: Rate = 0.25
    """Seconds for which the proxy looks at nothing, in so many seconds in a row:"""
    stall_looks: Positive = 3
    memory: Count = 0
    """Bytes of resident memory of the proxy."""
    lane: Rate = 0.0
    """Seconds for which the lane is full."""
    queue_lag: Count = 0
    """Messages of one of the candidate's queues that the tap has not read yet."""
    queue_depth: Count = 0
    """Messages that wait in one of the candidate's queues."""
    queue_age: Rate = 0.0
    """Seconds for which the oldest of them has waited."""
    queue_growing: Rate = 120.0
    """Seconds for which a queue of the candidate's grows while legacy's does not. Only queues
    that somebody reads are looked at: quarantine that nobody empties is meant to grow."""
    queue_floor: Count = 10_000
    """Messages below which growing means nothing."""
    calm: Above = 10.0
    """Seconds for which all is well before the candidate is tried again."""
    release: Share = 0.8
    """All is well below this part of a bound."""


class IsolationSettings(Section, frozen=True):
    """What keeps the clients unharmed."""

    lane: LaneSettings = LaneSettings()
    breaker: BreakerSettings = BreakerSettings()
    tax: TaxSettings = TaxSettings()
    trips: TripSettings = TripSettings()


class Isolating(msgspec.Struct, frozen=True, kw_only=True):
    """The three parts of the file; a larger record of the whole file has the same three fields."""

    sampling: SamplingSettings = SamplingSettings()
    rules: tuple[RuleSettings, ...] = ()
    isolation: IsolationSettings = IsolationSettings()


def listed(value: OneOrMore) -> tuple[str, ...]:
    """Return one or more texts as a tuple."""
    return (value,) if isinstance(value, str) else value
