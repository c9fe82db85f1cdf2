"""What a reader of Kestrel holds open, and what it knows when that comes again."""

from pyingest.queues.kestrel_lane import Lane, gauge
from pyingest.queues.kestrel_wire import Reply, Value

OPEN = b"get events+tap/open\r\n"
CLOSE_OPEN = b"get events+tap/close/open\r\n"
CLOSE = b"get events+tap/close\r\n"


def lane() -> Lane:
    return Lane(b"events+tap")


def value(body: bytes) -> list[Reply]:
    return [Value("events+tap", body), b"END"]


def read(one: Lane, bodies: list[bytes], stale: int = 0, asked: int | None = None) -> list[bytes]:
    """Ask for *bodies* and get them; return the lines that were sent."""
    requests = one.requests(len(bodies) if asked is None else asked, stale)
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
    assert read(one, [b"3"], stale=2) == [CLOSE_OPEN, CLOSE]
    assert list(one.open) == [b"3"]


def test_more_of_one_read_is_opened_beside_what_is_open() -> None:
    one = lane()
    read(one, [b"1"])
    assert read(one, [b"2", b"3"]) == [OPEN, OPEN]
    assert list(one.open) == [b"1", b"2", b"3"]


def test_a_server_that_allows_one_open_read_is_asked_for_one_after_the_other() -> None:
    one = lane()
    requests = one.requests(3, 0)
    assert one.answered(requests, [value(b"1"), [b"ERROR"], None]) == ([b"1"], True)
    one.doubt(30.0)
    assert read(one, [b"1", b"2"]) == [OPEN, CLOSE_OPEN]


def test_at_most_sixty_four_are_open() -> None:
    one = lane()
    lines = read(one, [b"%d" % n for n in range(70)])
    assert lines.count(OPEN) == 64
    assert lines.count(CLOSE_OPEN) == 6
    assert list(one.open) == [b"%d" % n for n in range(6, 70)]


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
