"""The bounded way to the candidate."""

from random import Random

from shadow.lane import Lane, LaneLimits


def test_a_lane_gives_out_the_oldest_first() -> None:
    lane: Lane[int] = Lane(LaneLimits())
    assert [lane.offer(number, 1) for number in range(3)] == [True] * 3
    assert [lane.next() for _ in range(4)] == [(0, 1), (1, 1), (2, 1), None]


def test_a_full_lane_sheds_the_newest() -> None:
    lane: Lane[str] = Lane(LaneLimits(requests=2))
    assert [lane.offer(one, 1) for one in "abc"] == [True, True, False]
    assert lane.next() == ("a", 1)


def test_a_lane_is_bounded_in_bytes_too() -> None:
    lane: Lane[str] = Lane(LaneLimits(bytes=100))
    assert lane.offer("a", 60)
    assert not lane.offer("b", 41)
    assert lane.offer("c", 40)
    lane.next()
    assert not lane.offer("d", 60)  # what the candidate has not answered is still held
    lane.done(60)
    assert lane.offer("d", 60)


def test_no_more_are_in_flight_than_allowed() -> None:
    lane: Lane[int] = Lane(LaneLimits(in_flight=1))
    lane.offer(1, 1)
    lane.offer(2, 1)
    assert lane.next() == (1, 1)
    assert lane.next() is None
    lane.done(1)
    assert lane.next() == (2, 1)


def test_what_is_abandoned_is_returned_and_gone() -> None:
    lane: Lane[int] = Lane(LaneLimits(in_flight=1))
    for number in range(3):
        lane.offer(number, 1)
    lane.next()
    assert lane.abandon() == [1, 2]
    assert len(lane) == 0
    assert lane.in_flight == 1  # one is still with the candidate


def test_a_lane_never_exceeds_its_limits_whatever_happens() -> None:
    random = Random(5)
    limits = LaneLimits(requests=5, bytes=50, in_flight=3)
    lane: Lane[int] = Lane(limits)
    waiting: list[int] = []
    flying: list[int] = []
    for _ in range(5_000):
        size = random.randrange(1, 30)
        match random.randrange(3):
            case 0 if lane.offer(size, size):
                waiting.append(size)
            case 1 if (item := lane.next()) is not None:
                assert item == (waiting[0], waiting[0])
                flying.append(waiting.pop(0))
            case 2 if flying:
                lane.done(flying.pop())
        assert len(lane) == len(waiting) <= limits.requests
        assert sum(waiting) + sum(flying) <= limits.bytes
        assert 0 <= lane.in_flight <= limits.in_flight
