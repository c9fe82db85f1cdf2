"""Events that are surely the same, taken out first: most of a run, for the least work.

Two sieves. The first compares lines as they stand: the same queue, the same bytes. What it leaves
goes to the second, which compares what the messages say, written in one fixed way. Both are exact
(a text is compared, or a digest of 128 bits), and neither looks at times of arrival, except to
tell which pairs are late. What is left over is looked at closely (see ``matching``).

What a sieve finds is a matter of counts of equal lines alone: it is the same in whatever order
the lines come, and for one side as for the other.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from compare.differing.canonical import plain_text
from compare.pairing.sequence import Sequence
from shadow.exchange import TappedEvent
from shadow.lines import event_of

Head = bytes
"""An event's line up to its first tab: side, time of arrival, offset."""
Line = tuple[Head, bytes]
"""A line before and after its first tab."""


@dataclass(slots=True)
class Leftover:
    """An event without an equal, and whether one like it had one."""

    event: TappedEvent
    is_repeat: bool


@dataclass(slots=True)
class Sieve:
    """Takes lines of events, in any portions, and keeps those without an equal on the other side.

    :param late_after: seconds between the arrivals of a pair from which on it is late.
    """

    late_after: float
    sequence: Sequence | None = None
    """Takes the pairs, if their order is to be checked; it takes a microsecond a pair."""
    identical: int = 0
    """Pairs of the same bytes."""
    late: int = 0
    _waiting: dict[bytes, Head | list[Head]] = field(default_factory=dict)
    _paired: "array[int]" = field(default_factory=lambda: array("q"))
    """Hashes of the lines that had an equal."""

    def add(self, lines: Iterable[bytes]) -> None:
        """Take lines, without their ends."""
        # The hot loop of every comparison: one dictionary, and no message is read.
        waiting, paired, identical = self._waiting, self._paired.append, 0
        sequence, digits = self.sequence, _digits(self.late_after)
        for line in lines:
            head, _, rest = line.partition(b"\t")
            there = waiting.pop(rest, None)
            if there is None:
                waiting[rest] = head
            elif type(there) is bytes and there[0] != head[0]:
                paired(hash(rest))
                identical += 1
                if head[1:digits] != there[1:digits]:  # else closer than that: the digits agree
                    self.late += apart(head, there) > self.late_after
                if sequence is not None:
                    sequence.note(rest, head, there)
            else:
                self._crowd(rest, there, head)
        self.identical += identical

    def _crowd(self, rest: bytes, there: Head | list[Head], head: Head) -> None:
        """Take a line of which several wait."""
        waiting = [there] if isinstance(there, bytes) else there
        if waiting[0][:1] == head[:1]:
            self._waiting[rest] = [*waiting, head]
            return
        other = waiting.pop(0)
        self._paired.append(hash(rest))
        self.identical += 1
        self.late += apart(head, other) > self.late_after
        self._waiting[rest] = waiting if len(waiting) > 1 else waiting[0]

    def sift(self) -> "Sifted":
        """Return what is left when also those that say the same are taken out.

        The lines taken so far remain as they are.
        """
        sequence = Sequence() if self.sequence is not None else None
        repeats = {hash(rest) for rest in self._waiting}.intersection(self._paired)
        sifted = Sifted(self.late_after, repeats, sequence)
        sifted.add(self._lines())
        return sifted

    def _lines(self) -> Iterator[Line]:
        for rest, heads in self._waiting.items():
            if type(heads) is bytes:
                yield heads, rest
            else:
                for head in heads:
                    yield cast(bytes, head), rest


@dataclass(slots=True)
class Sifted:
    """The second sieve: takes what the first left, and pairs what says the same."""

    late_after: float
    _repeats: set[int]
    """Hashes of the lines of which one had an equal in the first sieve."""
    sequence: Sequence | None = None
    equal: int = 0
    """Pairs of other bytes that say the same."""
    late: int = 0
    unreadable: int = 0
    _waiting: dict[bytes, Line | list[Line]] = field(default_factory=dict)
    _paired: set[int] = field(default_factory=set)
    _unread: list[Line] = field(default_factory=list)

    def add(self, lines: Iterable[Line]) -> None:
        """Take lines in two parts."""
        waiting, paired, equal = self._waiting, self._paired, 0
        for line in lines:
            head, rest = line
            queue, tab, body = rest.partition(b"\t")
            text = plain_text(body) if head < b"a" else None
            if text is None:
                self._unread.append(line)
                continue
            key = queue + tab + text
            there = waiting.pop(key, None)
            if there is None:
                waiting[key] = line
            elif type(there) is tuple and there[0][:1] != head[:1]:
                paired.add(hash(key))
                equal += 1
                self._pair(key, there[0], head)
            else:
                self._crowd(key, [there] if isinstance(there, tuple) else there, line)
        self.equal += equal

    def _crowd(self, key: bytes, waiting: list[Line], line: Line) -> None:
        """Take a line of which several wait."""
        if waiting[0][0][:1] == line[0][:1]:
            self._waiting[key] = [*waiting, line]
            return
        self._paired.add(hash(key))
        self.equal += 1
        self._pair(key, waiting[0][0], line[0])
        rest = waiting[1:]
        self._waiting[key] = rest if len(rest) > 1 else rest[0]

    def _pair(self, key: bytes, one: Head, other: Head) -> None:
        if one[1 : _digits(self.late_after)] != other[1 : _digits(self.late_after)]:
            self.late += apart(one, other) > self.late_after
        if self.sequence is not None:
            self.sequence.note(key, one, other)

    def left(self) -> Iterator[Leftover]:
        """Yield what neither sieve found an equal for; count the lines that are none of events."""
        for (head, rest), had in self._left():
            try:
                yield Leftover(event_of(head, rest), had or hash(rest) in self._repeats)
            except ValueError:
                self.unreadable += 1

    def _left(self) -> Iterator[tuple[Line, bool]]:
        """Yield lines, each with whether one that says the same had an equal in this sieve."""
        for key, waiting in self._waiting.items():
            had = hash(key) in self._paired
            for line in [waiting] if isinstance(waiting, tuple) else waiting:
                yield line, had
        for line in self._unread:
            yield line, False


def apart(one: Head, other: Head) -> float:
    """Return how many seconds lie between two arrivals."""
    return abs(_at(one) - _at(other))


def _digits(late_after: float) -> int:
    """Return up to where two heads must agree for their times to be less than that apart."""
    # Epoch seconds have ten digits before the point: nine that agree are within ten seconds.
    return 10 if late_after >= 10 else 11 if late_after >= 1 else 64


def _at(head: Head) -> float:
    try:
        return float(head[1:].partition(b" ")[0])
    except ValueError:
        return 0.0
