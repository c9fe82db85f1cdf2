"""The bounded way to the candidate."""

import gc
import tracemalloc
from random import Random

import pytest

from shadow.dualrun import DualRun
from shadow.lane import Lane, LaneLimits
from shadow.relaying.grammar import AnswerHead, RequestHead, answer_head, request_head
from shadow.relaying.raw import RawAnswer, RawRequest
from shadow.routing import MIRRORED
from shadow.status import LaneStatus


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


def test_what_was_shed_is_counted() -> None:
    lane: Lane[str] = Lane(LaneLimits(requests=1))
    for size in (5, 6, 7):
        lane.offer("a", size)
    assert (lane.shed, lane.shed_bytes) == (2, 13)


def test_a_lane_tells_what_is_on_the_way_and_what_was_at_most() -> None:
    lane: Lane[str] = Lane(LaneLimits(requests=9, bytes=90))
    for size in (5, 6, 7):
        lane.offer("a", size)
    lane.next()
    lane.done(5)
    lane.next()
    assert lane.status() == LaneStatus(
        requests=1,
        bytes=13,
        most_requests=3,
        most_bytes=18,
        in_flight=1,
        limit_requests=9,
        limit_bytes=90,
    )


def test_a_lane_is_full_when_hardly_anything_more_fits() -> None:
    lane: Lane[int] = Lane(LaneLimits(requests=100, bytes=1_000))
    for number in range(94):
        lane.offer(number, 1)
    assert not lane.is_full
    lane.offer(94, 1)
    assert lane.is_full
    big: Lane[int] = Lane(LaneLimits(bytes=1_000))
    big.offer(1, 949)
    assert not big.is_full
    big.offer(1, 1)
    assert big.is_full


def run_of(number: int, headers: int, body: int, *, looked_at: bool) -> DualRun:
    """Return a run whose owner has answered, and whose parts the rules have read."""
    lines = [b"X-Header-%d: a value of %d" % (at, at) for at in range(headers)]
    lines.append(b"Content-Length: %d" % (body + 10))
    start = b"POST /track?ip=%d HTTP/1.1\r\n" % number
    data = start + b"\r\n".join(lines) + b"\r\n\r\n" + b"%010d" % number + bytes(body)
    head = request_head(data)
    assert isinstance(head, RequestHead)
    raw = RawRequest(head, data, head.end)
    raw.at = number / 7
    run = DualRun(number, raw, MIRRORED)
    if looked_at:
        assert raw.headers
        assert raw.body
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Number: %d\r\n\r\n1234567" % number
    answered = answer_head(answer)
    assert isinstance(answered, AnswerHead)
    run.owner_ended(RawAnswer(answered, answer, True, True))
    return run


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize(("headers", "body"), [(0, 20), (8, 300), (20, 4_000), (3, 50_000)])
def test_a_full_lane_holds_the_memory_it_says_and_at_most_a_fifth_more(
    headers: int, body: int, looked_at: bool
) -> None:
    limit = 2 * 1024 * 1024
    lane: Lane[DualRun] = Lane(LaneLimits(requests=10**6, bytes=limit))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    number = 1000
    run = run_of(number, headers, body, looked_at=looked_at)
    while lane.offer(run, run.weight):
        number += 1
        run = run_of(number, headers, body, looked_at=looked_at)
    del run
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.5 * limit < held < 1.2 * limit
