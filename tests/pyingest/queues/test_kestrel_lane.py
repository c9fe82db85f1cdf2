"""What a reader of Kestrel holds open, and what it knows when that comes again."""

import random

from pyingest.queues.kestrel_lane import Lane, gauge
from pyingest.queues.kestrel_wire import Reply, Value

OPEN = b"get events+tap/open\r\n"
CLOSE_OPEN = b"get events+tap/close/open\r\n"
CLOSE = b"get events+tap/close\r\n"


def lane() -> Lane:
    return Lane(b"events+tap")


def value(body: bytes) -> list[Reply]:
    return [Value("events+tap", body), b"END"]


def read(one: Lane, bodies: list[bytes], confirm: bool = False) -> list[bytes]:
    """Ask for *bodies* and get them; return the lines that were sent."""
    requests = one.requests(len(bodies), confirm)
    answers: list[list[Reply] | None] = [value(body) for body in bodies]
    answers += [[b"END"]] * (len(requests) - len(answers))
    assert one.answered(requests, answers) == (bodies, False)
    return [text for text, _ in requests]


def new(one: Lane, *bodies: bytes, now: float = 1.0) -> list[bytes]:
    return [item.body for item in one.numbered("events", bodies, now)]


def test_the_first_messages_are_opened_and_nothing_is_confirmed() -> None:
    assert read(lane(), [b"1", b"2"]) == [OPEN, OPEN]


def test_what_was_returned_is_confirmed_by_asking_for_more() -> None:
    one = lane()
    read(one, [b"1", b"2"])
    assert read(one, [b"3"], confirm=True) == [CLOSE_OPEN, CLOSE]
    assert list(one.open) == [b"3"]


def test_more_of_one_read_is_opened_beside_what_is_open() -> None:
    one = lane()
    read(one, [b"1"])
    assert read(one, [b"2", b"3"]) == [OPEN, OPEN]
    assert list(one.open) == [b"1", b"2", b"3"]


def test_a_server_that_allows_one_open_read_is_asked_for_one_after_the_other() -> None:
    one = lane()
    requests = one.requests(3, True)
    assert one.answered(requests, [value(b"1"), [b"ERROR"], None]) == ([b"1"], True)
    one.doubt(30.0)
    assert [line for line, _ in one.requests(3, True)] == [OPEN]
    assert read(one, [b"1"]) == [OPEN]
    assert [line for line, _ in one.requests(3, False)] == [CLOSE_OPEN]


def test_at_most_sixty_four_are_open() -> None:
    one = lane()
    assert len(one.requests(70, True)) == 64
    read(one, [b"%d" % n for n in range(60)])
    assert [line for line, _ in one.requests(70, False)] == [OPEN] * 4
    read(one, [b"x"] * 4)
    assert [line for line, _ in one.requests(9, False)] == [CLOSE_OPEN] * 9 + [CLOSE] * 55


def test_what_was_open_when_the_connection_ended_is_known_in_any_order() -> None:
    one = lane()
    read(one, [b"1", b"2"])
    assert new(one, b"1", b"2") == [b"1", b"2"]
    one.doubt(30.0)
    assert new(one, b"2", b"1", b"1") == [b"1"]


def test_what_comes_again_much_later_is_new() -> None:
    one = lane()
    read(one, [b"1"])
    one.doubt(30.0)
    assert new(one, b"1", now=31.0) == [b"1"]


def test_a_successor_counts_on_and_knows_what_was_open() -> None:
    first, second = lane(), lane()
    read(first, [b"1", b"2"])
    new(first, b"1", b"2")
    second.restore(first.state(), 30.0)
    (item,) = second.numbered("events", [b"1", b"2", b"3"], 1.0)
    assert (item.offset, item.body) == (3, b"3")


def test_a_gauge_tells_the_queue_and_its_fan_out_apart() -> None:
    figures = {
        "queue_events_items": 7,
        "queue_events_age": 1500,
        "queue_events_discarded": 2,
        "queue_events+tap_items": 3,
        "queue_events+tap_discarded": 1,
        "queue_events+tap_expired_items": 4,
    }
    found = gauge(figures, "events", "events+tap")
    assert (found.waiting, found.lost) == (3, 5)
    assert (found.depth, found.age, found.discarded) == (7, 1.5, 2)


def test_what_a_server_does_not_tell_is_not_known() -> None:
    found = gauge({}, "events", "events+tap")
    assert (found.waiting, found.lost, found.depth, found.age) == (0, -1, -1, -1.0)


class Model:
    """A Kestrel server as its guide tells: what is open goes back when a connection ends."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: list[bytes] = []
        self.open: list[bytes] = []

    def answer(self, line: bytes) -> list[Reply]:
        if b"/close" in line and self.open:
            self.open.pop(0)
        if b"/open" not in line:
            return [b"END"]
        if len(self.open) >= self.most:
            return [b"ERROR"]
        if not self.waiting:
            return [b"END"]
        self.open.append(self.waiting.pop(0))
        return value(self.open[-1])

    def cut(self, chance: random.Random) -> None:
        back = self.open if chance.random() < 0.5 else self.open[::-1]
        self.waiting[:0] = back
        self.open = []


def ask(one: Lane, model: Model, chance: random.Random, wanted: int) -> list[bytes]:
    """Ask once; the connection may end anywhere in between. Return what is new."""
    requests = one.requests(wanted, chance.random() < 0.7)
    answers: list[list[Reply] | None] = []
    heard = chance.randrange(len(requests) + 1) if chance.random() < 0.2 else len(requests)
    done = chance.randrange(heard, len(requests) + 1)
    for number, (line, _) in enumerate(requests):
        told = model.answer(line) if number < done else None
        answers.append(told if number < heard else None)
        if told == [b"ERROR"]:
            answers += [None] * (len(requests) - len(answers))
            break
    bodies, lost = one.answered(requests, answers)
    found = new(one, *bodies)
    if lost:
        model.cut(chance)
        one.doubt(30.0)
    else:
        one.count(len(bodies))
    return found


class Steady(random.Random):
    """No accident happens."""

    def random(self) -> float:
        return 0.5


def test_every_message_is_had_once_however_often_the_connection_ends() -> None:
    chance = random.Random(2011)
    for _ in range(300):
        model, one = Model(chance.choice([1, 5, 100])), lane()
        sent, found = 0, list[bytes]()
        for _ in range(30):
            for _ in range(chance.randrange(6)):
                model.waiting.append(b"%d" % sent)
                sent += 1
            found += ask(one, model, chance, min(one.expected, chance.randrange(1, 65)))
            if chance.random() < 0.1:  # a successor in another process
                one, dead = lane(), one
                one.restore(dead.state(), 30.0)
                model.cut(chance)
        for _ in range(300):
            found += ask(one, model, Steady(), 5)
            if not model.waiting and not one.open:
                break
        assert sorted(found, key=int) == [b"%d" % n for n in range(sent)]
