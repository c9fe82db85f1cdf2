"""The queues of a Kestrel server as rules, without a disk or a network.

A queue is a log. Its consumers share one cursor on it, and a fan-out queue ``events+shadow`` is
one more cursor on the log of ``events``: a write costs one row however many children there are.
Everything that must outlive the process is returned as operations on the log; the caller
commits them. Semantics: Kestrel's guide ("Reliable reads", "Fanout queues").
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pyingest.queues.log import Append, Drop, Forget, Item, Move, Operation, Take, TakeBetween, Trim

AHEAD_ITEMS = 1024
AHEAD_BYTES = 1 << 20
"""How much a cursor keeps in memory of what it has not handed out; the rest stays in the log."""
TRIM_OFFSETS = 5_000
"""Offsets that one trim may pass, so that it never holds up a commit for long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a log's file says at the start."""

    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Queue to its first and last offset."""
    cursors: dict[tuple[str, str], int] = field(default_factory=dict)
    """(child, queue) to the offset up to which it is done; the child ``""`` is the queue."""
    taken: Sequence[tuple[str, str, int]] = ()
    """(child, queue, offset) of what was consumed ahead of a cursor."""
    last_offset: int = 0
    """The highest offset that was ever given out."""


class Cursor:
    """Where the consumers of one queue, or of one fan-out child, stand."""

    def __init__(self, log: "Log", child: str, floor: int, taken: Iterable[int] = ()) -> None:
        self.log = log
        self.child = child
        self.floor = floor
        """Everything up to this offset is consumed."""
        self.items = 0
        """How many messages wait; open ones do not."""
        self.bytes = 0
        self.total = 0
        """Messages that came since the server started."""
        self.dropped = False
        self.open: dict[int, bytes] = {}
        """Offset to body of what was handed out and is not yet confirmed."""
        self._position = floor
        self._fetched = floor
        self._ahead: deque[Item] = deque()
        self._ahead_bytes = 0
        self._returned: list[Item] = []
        self._confirming: set[int] = set()
        self._taken = set(taken)
        self._noted = max(self._taken, default=0)

    @property
    def name(self) -> str:
        """The name that clients use: ``events`` or ``events+shadow``."""
        return f"{self.log.name}+{self.child}" if self.child else self.log.name

    @property
    def behind(self) -> int | None:
        """The offset after which the log must be asked, or ``None`` when the next is here."""
        here = self._returned or self._ahead or self._fetched >= self.log.tail
        return None if here else self._fetched

    @property
    def in_memory(self) -> tuple[int, int]:
        """How many waiting messages are in memory, and their bytes."""
        back = sum(len(body) for _, body in self._returned)
        return len(self._ahead) + len(self._returned), self._ahead_bytes + back

    def peek(self) -> bytes | None:
        """Return the next message's body without taking it."""
        if self._returned:
            return self._returned[0][1]
        return self._ahead[0][1] if self._ahead else None

    def take(self) -> Item | None:
        """Return the next message and set it aside as open; ``None`` if none is in memory."""
        if self._returned:
            item = heapq.heappop(self._returned)
        elif self._ahead:
            item = self._ahead.popleft()
            self._ahead_bytes -= len(item[1])
            self._position = item[0]
        else:
            return None
        self.open[item[0]] = item[1]
        self._count(-1, item[1])
        return item

    def put_back(self, offset: int) -> None:
        """Put an open message back, before everything younger."""
        body = self.open.pop(offset, None)
        self._confirming.discard(offset)
        if body is not None:
            heapq.heappush(self._returned, (offset, body))
            self._count(1, body)

    def confirm(self, offsets: Iterable[int]) -> list[Operation]:
        """Return what makes it last that open messages are consumed.

        They stay open until :meth:`settle` says that it was committed.
        """
        done = set(offsets)
        self._confirming |= done
        if self.dropped or not done:
            return []
        floor = self._floor_without(self._confirming)
        where = (self.child, self.log.name)
        beyond: list[Operation] = [Take(*where, off) for off in sorted(done) if off > floor]
        forget: list[Operation] = [Forget(*where, floor)] if self._noted > self.floor else []
        self._noted = max(self._noted, max(done) if beyond else 0)
        return [Move(*where, floor), *beyond, *forget]

    def settle(self, offsets: Iterable[int]) -> None:
        """Forget messages whose consumption was committed."""
        for offset in offsets:
            self._confirming.discard(offset)
            if self.open.pop(offset, None) is not None:
                self._taken.add(offset)
        floor = self._floor_without(set())
        if floor > self.floor:
            self.floor = floor
            self._taken = {offset for offset in self._taken if offset > floor}

    def mark(self) -> list[Operation]:
        """Return what writes down where the cursor stands, after a commit that failed."""
        floor = self._floor_without(self._confirming)
        return [] if self.dropped else [Move(self.child, self.log.name, floor)]

    def arrived(self, item: Item, before: int) -> None:
        """Take note of a message that was committed; *before* is the log's end without it."""
        self.total += 1
        self._count(1, item[1])
        complete = self._fetched >= before
        if complete and len(self._ahead) < AHEAD_ITEMS and self._ahead_bytes < AHEAD_BYTES:
            self._keep(item)

    def refill(self, items: Iterable[Item]) -> None:
        """Take messages that the log gave for :attr:`behind`; none means that there are none."""
        fetched = self._fetched
        for item in items:
            if item[0] in self._taken:
                self._fetched = max(self._fetched, item[0])
            elif item[0] > self._fetched:
                self._keep(item)
        if self._fetched == fetched:
            self._fetched = self.log.tail

    def flush(self) -> list[Operation]:
        """Drop what waits; return what makes that last. Open messages stay open."""
        self._returned.clear()
        self._ahead.clear()
        self._ahead_bytes = self.items = self.bytes = 0
        self._position = self._fetched = self._noted = self.log.tail
        self.settle(())
        where = (self.child, self.log.name)
        kept = sorted(self.open.keys() - self._confirming)
        floor = kept[0] - 1 if kept else self.log.tail
        gaps = pairwise([floor, *kept, self.log.tail + 1])
        return [
            Move(*where, floor),
            *(TakeBetween(*where, after, until) for after, until in gaps),
            Forget(*where, floor),
        ]

    def _floor_without(self, done: set[int]) -> int:
        outstanding = [offset for offset in self.open if offset not in done]
        if self._returned:
            outstanding.append(self._returned[0][0])
        return min(outstanding) - 1 if outstanding else self._position

    def _keep(self, item: Item) -> None:
        self._ahead.append(item)
        self._ahead_bytes += len(item[1])
        self._fetched = item[0]

    def _count(self, change: int, body: bytes) -> None:
        self.items += change
        self.bytes += change * len(body)


class Log:
    """One queue and its fan-out children."""

    def __init__(self, name: str, tail: int, trimmed: int) -> None:
        self.name = name
        self.tail = tail
        """Offset of the newest committed message."""
        self.pending = 0
        """Messages that are on their way to the file."""
        self.listed = True
        """False from ``delete`` until the queue is named again."""
        self.cursors: dict[str, Cursor] = {}
        self.trimmed = trimmed
        """Everything up to this offset is out of the file."""

    def trim(self) -> list[Operation]:
        """Return what removes some of the messages that every cursor has passed."""
        floor = min(cursor.floor for cursor in self.cursors.values())
        if floor <= self.trimmed:
            return []
        self.trimmed = min(floor, self.trimmed + TRIM_OFFSETS)
        return [Trim(self.name, self.trimmed)]


class Broker:
    """All queues of a server.

    :param max_items: how many messages may wait in a queue itself (its children do not count)
        before a write is turned away; ``None`` for no bound.
    """

    def __init__(self, kept: Kept, max_items: int | None = None) -> None:
        self._max_items = max_items
        self._next_offset = kept.last_offset + 1
        self.logs: dict[str, Log] = {}
        taken: dict[tuple[str, str], list[int]] = {}
        for child, queue, offset in kept.taken:
            taken.setdefault((child, queue), []).append(offset)
        for queue in {*kept.ends, *(queue for _, queue in kept.cursors)}:
            first, last = kept.ends.get(queue, (kept.last_offset + 1, kept.last_offset))
            self.logs[queue] = Log(queue, last, first - 1)
        for (child, queue), floor in kept.cursors.items():
            log = self.logs[queue]
            log.cursors[child] = Cursor(log, child, floor, taken.get((child, queue), ()))
        for log in self.logs.values():
            log.cursors.setdefault("", Cursor(log, "", 0, taken.get(("", log.name), ())))

    def cursors(self) -> list[Cursor]:
        """Return every cursor that clients may see, in the order of their names."""
        found = [
            cursor
            for log in self.logs.values()
            for child, cursor in log.cursors.items()
            if child or log.listed
        ]
        return sorted(found, key=lambda cursor: cursor.name)

    def cursor(self, name: str) -> tuple[Cursor, list[Operation]]:
        """Return the cursor of a queue, and what makes it last if this reference created it.

        A child begins at the present end of its parent's log.
        """
        queue, _, child = name.partition("+")
        log = self._log(queue)
        log.listed = log.listed or not child
        if child in log.cursors:
            return log.cursors[child], []
        cursor = log.cursors[child] = Cursor(log, child, log.tail)
        return cursor, [Move(child, queue, log.tail)]

    def append(self, queue: str, body: bytes) -> Append | None:
        """Return what stores a message, or ``None`` when the queue is full."""
        log = self._log(queue)
        log.listed = True
        waiting = log.cursors[""].items + log.pending
        if self._max_items is not None and waiting >= self._max_items:
            return None
        log.pending += 1
        offset, self._next_offset = self._next_offset, self._next_offset + 1
        return Append(queue, body, offset)

    def appended(self, append: Append, stored: bool) -> list[Cursor]:
        """Take note of what became of a message; return the cursors that have one more."""
        log = self.logs[append.queue]
        log.pending -= 1
        if not stored or append.off is None:
            return []
        before, log.tail = log.tail, append.off
        for cursor in log.cursors.values():
            cursor.arrived((append.off, append.body), before)
        return list(log.cursors.values())

    def delete(self, name: str) -> list[Operation]:
        """Forget a queue and what waits in it; the children of a parent stay."""
        queue, _, child = name.partition("+")
        log = self.logs.get(queue)
        if log is None or child not in log.cursors:
            return []
        cursor = log.cursors[child]
        if not child:
            log.listed = False
            return cursor.flush()
        del log.cursors[child]
        cursor.dropped = True
        return [Drop(child, queue), Forget(child, queue, self._next_offset)]

    def _log(self, queue: str) -> Log:
        if queue not in self.logs:
            last = self._next_offset - 1
            log = self.logs[queue] = Log(queue, last, last)
            log.cursors[""] = Cursor(log, "", last)
        return self.logs[queue]


def figures(cursor: Cursor) -> list[tuple[str, int]]:
    """Return what a server tells of one queue, under Kestrel's names."""
    items, size = cursor.in_memory
    found = [
        ("items", cursor.items),
        ("bytes", cursor.bytes),
        ("total_items", cursor.total),
        ("expired_items", 0),
        ("mem_items", items),
        ("mem_bytes", size),
        ("discarded", 0),
        ("open_transactions", len(cursor.open)),
    ]
    return found if cursor.child else [*found, ("children", len(cursor.log.cursors) - 1)]
