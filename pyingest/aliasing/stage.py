"""Aliases as a step between decision and queue: each event under its person's own id."""

import enum
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from pyingest.aliasing.reading import Person, read
from pyingest.aliasing.spans import Span, member_spans
from pyingest.aliasing.store import Alias, AliasError, AliasStore, Learned
from pyingest.event import Event


class Mode(enum.Enum):
    """How far the stage may go."""

    OFF = "off"
    """Nothing is looked up or learned."""
    DARK = "dark"
    """Everything is looked up and learned, and no event changed: to see what it would cost."""
    LIVE = "live"


@dataclass(slots=True)
class AliasCounts:
    """What the stage did since it was made."""

    looked_up: int = 0
    resolved: int = 0
    """Events whose id stood for another; in the dark they were left as they are."""
    unread: int = 0
    """Events that name nobody who could be looked up."""
    learned: int = 0
    refused: int = 0
    """Aliases that another one, or their own reverse, forbids."""
    skipped: int = 0
    """Events that passed as they are because the store could not be asked."""


class AliasStage:
    """Replaces ids that are aliases. Never raises, and never holds an event back.

    When the store cannot be asked, events pass unchanged, and it is left alone for a while: an
    event under an alias can be mended later, one that is lost cannot.

    :param encode: a text as JSON, in the spelling of the contract that wrote the events.
    :param pause: seconds for which a store that failed is left alone.
    :param clock: seconds, from anywhere, never going back.
    :param tell: told why, once for each such pause.
    """

    def __init__(
        self,
        store: AliasStore,
        encode: Callable[[str], bytes | None] = msgspec.json.encode,
        mode: Mode = Mode.LIVE,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._store = store
        self._encode = encode
        self.mode = mode
        """May be set at any time: the kill switch."""
        self.counts = AliasCounts()
        self._pause = pause
        self._clock = clock
        self._tell = tell
        self._resume = float("-inf")

    def resolve(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return *events* with each id replaced by what it stands for, all other bytes the same.

        What *events* themselves tell of aliases is learned first, and holds for all of them.
        """
        if self.mode is Mode.OFF:
            return events
        if self._clock() < self._resume:
            self.counts.skipped += len(events)
            return events
        said = [read(event.body) for event in events]
        try:
            return self._resolved(events, said)
        except AliasError as error:
            self._resume = self._clock() + self._pause
            self.counts.skipped += len(events)
            self._tell(str(error))
            return events

    def _resolved(
        self, events: Sequence[Event], said: list[Person | Alias | None]
    ) -> Sequence[Event]:
        self._learn([each for each in said if isinstance(each, Alias)])
        places = [place for place, each in enumerate(said) if isinstance(each, Person)]
        people = [each for each in said if isinstance(each, Person)]
        targets = self._store.find([person.identity for person in people]) if people else []
        counts = self.counts
        counts.looked_up += len(people)
        counts.unread += said.count(None)
        changed = list(events)
        for place, person, target in zip(places, people, targets, strict=True):
            if target is not None and target != person.id:
                counts.resolved += 1
                changed[place] = self._under(events[place], person, target)
        return events if self.mode is Mode.DARK else changed

    def _learn(self, aliases: list[Alias]) -> None:
        if aliases:
            for learned in self._store.learn(aliases):
                self.counts.learned += learned is Learned.NEW
                self.counts.refused += learned in (Learned.TAKEN, Learned.CYCLE)

    def _under(self, event: Event, person: Person, target: str) -> Event:
        """Return *event* with *target* in the place of its person."""
        text = self._encode(target)
        if text is None:
            return event
        key = event.key
        if key and key == f"{person.token}:{person.id}".encode():
            key = f"{person.token}:{target}".encode()
        return Event(event.queue, spliced(event.body, person, text), key, event.id)


def spliced(body: bytes, person: Person, text: bytes) -> bytes:
    """Return *body* with *text* wherever it names *person*, all other bytes the same."""
    start, end = _only_place(body, person)
    if end:
        return body[:start] + text + body[end:]
    parts: list[bytes] = []
    done = 0
    for start, end in member_spans(body, person.path):
        value = msgspec.json.decode(body[start:end])
        if str(value) == person.id and type(value) in (str, int):
            parts += body[done:start], text
            done = end
    return b"".join([*parts, body[done:]])


def _only_place(body: bytes, person: Person) -> Span:
    """Return where *body* names *person* if that can be seen at once, else an empty span.

    In a text without a backslash a quote is never part of a name or a value. So if the member's
    name stands there once with its quotes and a colon, it is the member that was read; and its
    value, if it is the id in quotes, ends with them.
    """
    name = b'"%b":' % person.path[-1].encode()
    start = body.find(name) + len(name)
    value = b'"%b"' % person.id.encode()
    sure = (
        start >= len(name)
        and body.startswith(value, start)
        and b"\\" not in body
        and body.find(name, start) < 0
    )
    return (start, start + len(value)) if sure else (0, 0)
