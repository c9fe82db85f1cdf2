"""Stats as rates: who sends what per second, in the order that a reader asks for."""

import enum
from collections.abc import Iterable, Mapping

import msgspec

from pyingest.traffic.stats import Counts, Sender, ServerState, Span, Stats, Tally, Window

VERSION = 1
"""Of the JSON's shape."""


class By(enum.Enum):
    """What rows are sorted by, the highest first."""

    EVENTS = "events"
    BYTES = "bytes"
    INVALID = "invalid"


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What one sender, endpoint or library sends. Rates are per second."""

    name: str
    events: float
    """Records, valid or not."""
    bytes: float
    invalid: float
    invalid_share: float
    """Of the records, 0 to 1."""
    exact: bool = True
    """False: it may be less, since not every sender could be followed all the time."""
    reasons: dict[str, int] = {}
    """Why records were invalid, the most frequent first: counts of the whole window."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of one window."""

    version: int = VERSION
    at: float
    """Epoch seconds."""
    workers: int
    up: float
    """Seconds since the first of them started."""
    window: int
    """Seconds."""
    covered: float
    """How many of them were looked at."""
    total: Rate
    unstored: float
    """Valid records per second that the queue did not confirm."""
    tokens: tuple[Rate, ...]
    others: Rate | None
    """What a token that is not listed sends at most; ``None`` if every token is listed."""
    endpoints: tuple[Rate, ...]
    libraries: tuple[Rate, ...]
    servers: tuple[ServerState, ...]


def view(stats: Stats, seconds: int, by: By, most: int) -> View:
    """Return the window of *seconds*, at most *most* rows of each kind.

    :raises LookupError: there is no such window.
    """
    window = _window(stats, seconds)
    tally, covered = window.tally, max(window.covered, 1.0)
    total = _rate("", tally.totals, covered)
    tokens = _sorted((_sender(sender, covered) for sender in tally.tokens.senders), by)
    return View(
        at=stats.at,
        workers=stats.workers,
        up=max(stats.at - stats.started, 0.0),
        window=window.seconds,
        covered=window.covered,
        total=msgspec.structs.replace(total, reasons=_frequent(tally.reasons)),
        unstored=round(tally.totals.unstored / covered, 3),
        tokens=tokens[:most],
        others=_others(tally, covered),
        endpoints=_rates(tally.endpoints, covered, by)[:most],
        libraries=_rates(tally.libraries, covered, by)[:most],
        servers=stats.servers,
    )


def _window(stats: Stats, seconds: int) -> Window:
    for window in stats.windows:
        if window.seconds == seconds:
            return window
    raise LookupError(f"the stats have no window of {seconds} seconds")


def _rates(counts: Mapping[str, Counts], covered: float, by: By) -> tuple[Rate, ...]:
    return _sorted((_rate(name, each, covered) for name, each in counts.items()), by)


def _sorted(rates: Iterable[Rate], by: By) -> tuple[Rate, ...]:
    return tuple(sorted(rates, key=lambda rate: (-getattr(rate, by.value), rate.name)))


def _rate(name: str, counts: Counts, covered: float) -> Rate:
    return _made(name, counts.records, counts.bytes, counts.invalid, covered)


def _made(name: str, records: int, size: int, invalid: int, covered: float) -> Rate:
    return Rate(
        name=name,
        events=round(records / covered, 3),
        bytes=round(size / covered, 3),
        invalid=round(invalid / covered, 3),
        invalid_share=round(min(invalid / records, 1.0), 6) if records else 0.0,
    )


def _sender(sender: Sender, covered: float) -> Rate:
    records, size, invalid = sender.records, sender.bytes, sender.invalid
    rate = _made(sender.token, records.at_most, size.at_most, invalid.at_least, covered)
    return msgspec.structs.replace(
        rate,
        exact=all(_is_exact(span) for span in (records, size, invalid)),
        reasons=_frequent(sender.reasons),
    )


def _is_exact(span: Span) -> bool:
    return span.at_least == span.at_most


def _others(tally: Tally, covered: float) -> Rate | None:
    unlisted = tally.tokens.unlisted
    if not unlisted.records:
        return None
    return _made("", unlisted.records, unlisted.bytes, unlisted.invalid, covered)


def _frequent(reasons: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
