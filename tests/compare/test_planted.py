"""Fifty thousand recorded events with planted mistakes: each is found, and nothing else."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from compare.engine import summarise
from compare.rules import Rules
from compare.testing import recorded
from pyingest.message import Request, Response
from shadow.exchange import Answered, Exchange, Side, TappedEvent

EVENTS = 25_000
ONE = Answered(Response(200, b"OK", ((b"Content-Type", b"text/plain"),), b"1"), 0.001)
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
PLANTED = {
    "missing": 101,
    "duplicate": 93,
    "duplicate_lost": 31,
    "number": 67,
    "string": 64,
    "type": 118,
    "removed": 39,
    "misrouted": 53,
    "spelling": 400,
    "clock": 300,
}
EXTRA = 77


@dataclass
class Planting:
    """Both queues, as they are written."""

    random: Random
    sides: dict[Side, list[tuple[str, bytes]]] = field(
        default_factory=lambda: {side: [] for side in Side}
    )

    def put(self, side: Side, body: bytes, queue: str = "events") -> None:
        self.sides[side].append((queue, body))

    def tapped(self) -> list[TappedEvent]:
        events = [
            TappedEvent(side, queue, offset, 1000.0, body)
            for side, bodies in self.sides.items()
            for offset, (queue, body) in enumerate(bodies)
        ]
        self.random.shuffle(events)
        return events


def body(random: Random, number: int, time: str) -> bytes:
    person, page = random.randrange(4000), random.randrange(500)
    system, browser = random.choice(("Mac OS X", "Windows")), random.choice(("Opera", "Firefox"))
    return (
        f'{{"event":"{random.choice(("click", "view", "buy"))}","properties":{{'
        f'"token":"token{person % 7}","distinct_id":"person{person}","$os":"{system}",'
        f'"$browser":"{browser}","page":"/page/{page}","price":{random.randrange(9999) / 100},'
        f'"count":{random.randrange(1, 50)},"referrer":"http://example.com/{random.random()}",'
        f'"mark":"m{number}"{time}}}}}'
    ).encode()


def both(planting: Planting, ours: bytes, theirs: bytes) -> None:
    planting.put(Side.LEGACY, ours)
    planting.put(Side.CANDIDATE, theirs)


def reordered(ours: bytes) -> bytes:
    head, _, tail = ours.partition(b',"$os"')
    rest, _, mark = tail.rpartition(b',"mark":')
    return head + b',"mark" : ' + mark.removesuffix(b"}}") + b',"$os"' + rest + b"}}"


def twice(to: Planting, ours: bytes, again: Side) -> None:
    both(to, ours, ours)
    to.put(again, ours)


def misroute(to: Planting, ours: bytes) -> None:
    to.put(Side.LEGACY, ours)
    to.put(Side.CANDIDATE, ours, "profiles")


def change(old: bytes, new: bytes) -> Callable[[Planting, bytes], None]:
    return lambda to, ours: both(to, ours, ours.replace(old, new))


MUTATIONS: dict[str, Callable[[Planting, bytes], None]] = {
    "": lambda to, ours: both(to, ours, ours),
    "missing": lambda to, ours: to.put(Side.LEGACY, ours),
    "duplicate": lambda to, ours: twice(to, ours, Side.CANDIDATE),
    "duplicate_lost": lambda to, ours: twice(to, ours, Side.LEGACY),
    "number": change(b'"count":', b'"count":9'),
    "string": change(b"/page/", b"/seite/"),
    "type": change(b',"referrer"', b'.0,"referrer"'),
    "removed": lambda to, ours: both(to, ours, re.sub(rb'"\$os":"[^"]*",', b"", ours)),
    "misrouted": misroute,
    "spelling": lambda to, ours: both(to, ours, reordered(ours)),
    "clock": change(b'"time":5000', b'"time":5001'),
}


def planted(seed: int) -> tuple[list[Exchange], Planting]:
    """Return the exchanges and queues of a run in which so much is wrong."""
    random = Random(seed)
    names = [name for name, count in PLANTED.items() for _ in range(count)]
    names += [""] * (EVENTS - len(names))
    random.shuffle(names)
    planting = Planting(random)
    exchanges: list[Exchange] = []
    for number, name in enumerate(names, 1):
        sent = body(random, number, "" if name == "clock" else f',"time":{number}')
        request = Request(b"POST", b"/track", FORM, b"data=" + sent)
        exchanges.append(Exchange(number, 1000.0 + number / 100, request, ONE, ONE))
        queued = sent[:-2] + b',"time":5000}}' if name == "clock" else sent
        MUTATIONS[name](planting, queued)
    for number in range(EXTRA):
        planting.put(Side.CANDIDATE, body(random, -number, f',"time":{number}'))
    return exchanges, planting


@pytest.mark.timeout(120)
def test_every_planted_mistake_is_found_and_nothing_is_invented(tmp_path: Path) -> None:
    exchanges, planting = planted(seed=2011)
    found = summarise(recorded(tmp_path / "run", exchanges, planting.tapped()), Rules())
    assert found.kinds == {
        "missing": 101,
        "extra": EXTRA,
        "duplicate": 93,
        "duplicate_lost": 31,
        "value_number": 67,
        "value_string": 64,
        "type": 118,
        "field_removed": 39,
        "misrouted": 53,
    }
    counts = found.events
    assert counts.changed == 67 + 64 + 118 + 39
    assert (counts.equal, counts.tolerated, counts.misrouted) == (400, 300, 53)
    assert (counts.missing, counts.extra, counts.unlinked) == (101, EXTRA, EXTRA)
    assert (counts.duplicate, counts.duplicate_lost) == (93, 31)
    assert counts.identical == EVENTS - sum(PLANTED.values()) + 93 + 31
    wrong = sum(PLANTED.values()) - 400 - 300
    assert found.units.queue_mismatches == wrong + EXTRA
    assert (found.agreed, found.differed) == (EVENTS - wrong, wrong)
    assert found.units.answered_not_queued == 101
    assert found.noise == {"server time": 300}
    assert found.damage == []
    assert sum(cause.marginal for cause in found.causes) == pytest.approx(1.0)
    assert len(found.causes) == 9
