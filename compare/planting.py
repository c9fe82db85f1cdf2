"""Known differences, planted in a run: what the comparison is tested on.

A *plant* is one way to go wrong: what both queues get for the events of one request, and what a
comparison must then find. Everything else in a planted run agrees. Requests are real payloads,
and legacy's queue holds what ``pyingest``'s ``mochiweb`` profile makes of them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote_plus

from pyingest.ingest import ingest
from pyingest.message import Request, Response
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from shadow.exchange import Answered, Exchange, Side, TappedEvent

START, STEP, LAG = 1_300_000_000.0, 0.01, 0.2
"""Epoch seconds of the first request; seconds between requests, and between both sides."""

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
_GOOD = Answered(Response(200, b"OK", ((b"Content-Type", b"text/plain"),), b"1"), 0.001)
_SAFE = '{}[]",:/$\\'
"""What clients may leave as it is; undoing percent signs is most of the cost of a test."""
_ROUTES = Routes()
_NAMES = ("Zoë Müller", "Łukasz Żak", "Åse Ødegård", "Ανδρέας Ρ", "Дмитрий Ёлкин")
_LIBRARIES = ("web", "iphone", "android", "python", "ruby")

Event = dict[str, Any]
Edit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Message:
    """What a service puts on a queue."""

    body: bytes
    queue: str = _ROUTES.track
    delay: float = 0.0
    """Seconds after the usual time of arrival."""


@dataclass(frozen=True, slots=True)
class Sown:
    """What both services queue for one request, in order."""

    legacy: tuple[Message, ...]
    candidate: tuple[Message, ...]

    @property
    def mirrored(self) -> "Sown":
        """The same, the sides swapped."""
        return Sown(self.candidate, self.legacy)


Sow = Callable[[Sequence[bytes]], Sown]
"""Takes what is queued for a request: by legacy, or by a port if legacy refuses the request."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One way to go wrong, and what must be found for each place where it is planted."""

    name: str
    sow: Sow
    lines: tuple[str, ...]
    """Fields of ``EventCounts``, one for each pair or lone event."""
    kinds: tuple[str, ...] = ()
    path: str = ""
    quirk: str | None = None
    size: int = 1
    """Events of the request."""
    prepare: Edit | None = None
    """Changes each event before it is sent."""
    spoil: Callable[[bytes], bytes] | None = None
    """Changes the request's JSON text."""

    @property
    def is_one_sided(self) -> bool:
        """Whether only one of the two services can read such a request."""
        return self.spoil is not None


@dataclass(slots=True)
class Planting:
    """A planted run: its exchanges and events, and where each plant stands."""

    exchanges: list[Exchange] = field(default_factory=list)
    events: list[TappedEvent] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=dict)
    """Numbers of the exchanges by the plant's name; under an empty name all that agree."""

    agreeing: int = 0
    """Events of the latter on either side."""

    def add(self, number: int, request: Request, sown: Sown) -> None:
        """Take an exchange to which both sides say yes, and what both queue for it."""
        at = START + number * STEP
        self.exchanges.append(Exchange(number, at, request, _GOOD, _GOOD))
        self.events += _tapped(sown, at)

    def settle(self, random: Random) -> None:
        """Number the events of each side as they arrive; then mix them, as files may."""
        self.events = numbered(self.events)
        random.shuffle(self.events)

    def lines(self, plants: Iterable[Plant]) -> dict[str, int]:
        """Return what the lines of ``EventCounts`` must show; all else must be zero."""
        total = self._sum((plant, plant.lines) for plant in plants)
        total["identical"] = total.get("identical", 0) + self.agreeing
        return total

    def kinds(self, plants: Iterable[Plant]) -> dict[str, int]:
        """Return how many findings of each kind there must be."""
        return dict(sorted(self._sum((plant, plant.kinds) for plant in plants).items()))

    def _sum(self, named: Iterable[tuple[Plant, tuple[str, ...]]]) -> dict[str, int]:
        total: dict[str, int] = {}
        for plant, names in named:
            for name in names:
                total[name] = total.get(name, 0) + len(self.places.get(plant.name, ()))
        return total


def event(random: Random, number: int) -> Event:
    """Return an event with a field for each kind of difference; *number* makes it unique."""
    return {
        "event": random.choice(("page viewed", "signed up", "bought")),
        "properties": {
            "token": f"token{number % 7}",
            "distinct_id": f"person{random.randrange(4000)}",
            "time": int(START) - random.randrange(86_400),
            "mp_lib": random.choice(_LIBRARIES),
            "name": random.choice(_NAMES),
            "title": f"Spring Sale {random.randrange(900)} in the Garden",
            "page": f"/shop/a b&c/{random.randrange(500)}",
            "count": random.randrange(2, 50),
            "price": random.randrange(100, 9999) / 8,
            "ratio": random.randrange(1, 999) + 0.1,
            "paid": bool(random.getrandbits(1)),
            "one": 1,
            "note": None,
            "tags": [],
            "colours": ["red", "green", "blue"],
            "cart": [{"sku": f"a{random.randrange(900)}", "pieces": 2}],
            "address": {"city": "Köln", "zip": f"{random.randrange(10_000, 99_999)}"},
            "born": int(START) - random.randrange(10**9),
            "$created": "2011-05-01T10:00:00",
            "mark": f"m{number}",
        },
    }


def planted(counts: Mapping[Plant, int], clean: int, seed: int, mirrored: bool = False) -> Planting:
    """Return a run in which each plant stands at so many requests.

    :param clean: requests without any plant.
    :param mirrored: swap the queues of the two sides.
    """
    random = Random(seed)
    plan: list[Plant | None] = [plant for plant, count in counts.items() for _ in range(count)]
    plan += [None] * clean
    random.shuffle(plan)
    made = Planting()
    for number, plant in enumerate(plan, 1):
        request, bodies = _requested(random, number, plant)
        made.places.setdefault(plant.name if plant else "", []).append(number)
        made.agreeing += 0 if plant else len(bodies)
        sown = plant.sow(bodies) if plant else unchanged(bodies)
        made.add(number, request, sown.mirrored if mirrored else sown)
    made.settle(random)
    return made


def _requested(random: Random, number: int, plant: Plant | None) -> tuple[Request, list[bytes]]:
    """Return a request, and what is queued for it."""
    size = plant.size if plant else random.choice((1, 1, 1, 2, 3))
    batch = [event(random, 100 * number + place) for place in range(size)]
    for one in batch:
        one["properties"]["distinct_id"] = batch[0]["properties"]["distinct_id"]
        if plant and plant.prepare:
            plant.prepare(one)
    text = dumped(batch if size > 1 else batch[0])
    request = form(plant.spoil(text) if plant and plant.spoil else text)
    at = START + number * STEP
    return request, queued(request, at, MOCHIWEB) or queued(request, at, STRICT)


def form(text: bytes) -> Request:
    """Return the request that carries the JSON *text* in a form."""
    return Request(b"POST", b"/track", FORM, b"data=" + quote_plus(text, safe=_SAFE).encode())


def queued(request: Request, at: float, profile: Profile = MOCHIWEB) -> list[bytes]:
    """Return the messages that a service of this profile queues for *request* at that time."""
    decision = ingest(request, "127.0.0.1", at, profile, _ROUTES)
    return [one.body for one in decision.events]


def dumped(value: object) -> bytes:
    """Return *value* as JSON text without blanks, in ASCII."""
    return json.dumps(value, separators=(",", ":")).encode()


def _tapped(sown: Sown, at: float) -> list[TappedEvent]:
    return [
        TappedEvent(side, message.queue, 0, at + lag + message.delay, message.body)
        for side, messages, lag in (
            (Side.LEGACY, sown.legacy, 0.0),
            (Side.CANDIDATE, sown.candidate, LAG),
        )
        for message in messages
    ]


def numbered(events: Iterable[TappedEvent]) -> list[TappedEvent]:
    """Return *events* in order of arrival, each with its offset in its side's queue."""
    ordered = sorted(events, key=lambda one: one.at)
    turn = dict.fromkeys(Side, -1)
    for place, one in enumerate(ordered):
        turn[one.side] += 1
        ordered[place] = replace(one, offset=turn[one.side])
    return ordered


def messages(bodies: Iterable[bytes]) -> tuple[Message, ...]:
    """Return *bodies* as messages on the usual queue."""
    return tuple(map(Message, bodies))


def unchanged(bodies: Sequence[bytes]) -> Sown:
    """Both sides queue the same bytes."""
    return Sown(messages(bodies), messages(bodies))


def rewritten(change: Callable[[bytes], bytes]) -> Sow:
    """Return a sower whose candidate queues the changed bytes."""
    return lambda bodies: Sown(messages(bodies), messages(map(change, bodies)))


def edited(edit: Edit) -> Sow:
    """Return a sower whose candidate queues the event with its properties edited."""

    def change(body: bytes) -> bytes:
        fields = json.loads(body)
        edit(fields["properties"])
        return dumped(fields)

    return rewritten(change)
