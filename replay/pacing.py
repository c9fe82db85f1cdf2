"""When each request is due.

A schedule is absolute: it is fixed by the log and the options, never by how fast answers come.
A driver that falls behind finds due times in the past and sends at once; no request is skipped
and none is put off, so latency counted from the due time shows what a client would have waited
(the argument of wrk2 against coordinated omission).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from random import Random

from replay.entry import Entry

LOOKED_AT = 100
"""Entries from which it is judged whether a log's times are whole seconds."""


@dataclass(frozen=True, slots=True)
class Timed:
    """As the log tells, faster or slower."""

    speed: float = 1.0
    """2.0 is twice as fast."""
    max_gap: float | None = None
    """Seconds, as replayed: longer silences are cut to this."""


@dataclass(frozen=True, slots=True)
class Open:
    """At a rate of its own, whatever the answers do."""

    rate: float
    """Requests a second."""
    poisson: bool = False
    """Independent arrivals instead of even ones."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Each worker sends its next request when its last was answered."""

    workers: int = 100


Pace = Timed | Open | Closed


@dataclass(frozen=True, slots=True)
class Due:
    """An entry, and when it is to be sent."""

    seconds: float
    """After the start of the replay; never less than that of the entry before."""
    entry: Entry


def schedule(pace: Timed | Open, entries: Iterable[Entry]) -> Iterator[Due]:
    """Yield each entry with the time at which it is due."""
    match pace:
        case Timed(speed, max_gap):
            return timed(entries, speed, max_gap)
        case Open(rate, True, seed):
            return _spaced(entries, _exponential(rate, Random(seed)))
        case Open(rate):
            return (Due(number / rate, entry) for number, entry in enumerate(entries))


def timed(entries: Iterable[Entry], speed: float, max_gap: float | None) -> Iterator[Due]:
    """Yield each entry at ``(at - first at) / speed``.

    Logs are written when a request ends, so their times step back now and then: such an entry
    is due with the one before it. Where all times are whole seconds, those of one second are
    spread evenly over it, or each second would begin with a burst.
    """
    latest = due = 0.0
    for number, (at, entry) in enumerate(_times(entries)):
        gap = max(0.0, at - latest) / speed if number else 0.0
        latest = max(latest, at)
        due += gap if max_gap is None else min(gap, max_gap)
        yield Due(due, entry)


def _times(entries: Iterable[Entry]) -> Iterator[tuple[float, Entry]]:
    source = iter(entries)
    head = list(islice(source, LOOKED_AT))
    rest = chain(head, source)
    if all(entry.at == int(entry.at) for entry in head):
        return _spread(rest)
    return ((entry.at, entry) for entry in rest)


def _spread(entries: Iterable[Entry]) -> Iterator[tuple[float, Entry]]:
    latest = 0.0

    def second(entry: Entry) -> float:
        nonlocal latest
        latest = max(latest, float(int(entry.at)))
        return latest

    for at, group in groupby(entries, second):
        together = list(group)
        for place, entry in enumerate(together):
            yield at + place / len(together), entry


def _spaced(entries: Iterable[Entry], gaps: Iterator[float]) -> Iterator[Due]:
    due = 0.0
    for entry in entries:
        yield Due(due, entry)
        due += next(gaps)


def _exponential(rate: float, random: Random) -> Iterator[float]:
    while True:
        yield random.expovariate(rate)
