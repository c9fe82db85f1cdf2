"""Up to when everything has left the lanes."""

from random import Random

from compare.live.lanes import Lanes
from compare.live.testing import proxy_status, tap_status
from shadow.status import LaneStatus, Status

AT = 1_795_000_000.0


def told(second: float, sent: int, waiting: int, pid: int = 1) -> Status:
    lane = LaneStatus(requests=waiting)
    return proxy_status(AT + second, pid, sent, name=f"proxy-{pid}", lane=lane)


def test_of_nobody_nothing_is_known() -> None:
    assert Lanes().up_to([tap_status(AT, 1, 5)]) is None


def test_an_empty_lane_has_nothing_of_before() -> None:
    assert Lanes().up_to([told(0, 5, 0)]) == AT


def test_what_waits_is_waited_for() -> None:
    lanes = Lanes()
    assert lanes.up_to([told(0, 5, 0)]) == AT
    assert lanes.up_to([told(1, 6, 10)]) == AT
    assert lanes.up_to([told(2, 10, 50)]) == AT
    assert lanes.up_to([told(3, 15, 90)]) == AT
    assert lanes.up_to([told(4, 16, 90)]) == AT + 1
    assert lanes.up_to([told(5, 60, 0)]) == AT + 5


def test_a_lane_that_was_never_seen_to_move_tells_nothing() -> None:
    lanes = Lanes()
    for second in range(5):
        assert lanes.up_to([told(second, 5, 3)]) == 0


def test_the_slowest_lane_counts() -> None:
    lanes = Lanes()
    lanes.up_to([told(0, 0, 0, 1), told(0, 0, 0, 2)])
    assert lanes.up_to([told(1, 5, 0, 1), told(1, 5, 7, 2)]) == AT


def test_a_process_that_is_gone_is_not_waited_for() -> None:
    lanes = Lanes()
    lanes.up_to([told(0, 0, 5, 1), told(0, 0, 0, 2)])
    assert lanes.up_to([told(1, 5, 0, 2)]) == AT + 1


def test_nothing_that_came_before_is_ever_in_the_lane() -> None:
    random = Random(3)
    for _ in range(50):
        lanes, waiting, sent, second = Lanes(), list[float](), 0, 0.0
        for _ in range(200):
            second += random.random()
            waiting += [AT + second] * random.randrange(4)
            gone = min(len(waiting), random.randrange(4))
            sent, waiting = sent + gone, waiting[gone:]
            second += random.random()
            known = lanes.up_to([told(second, sent, len(waiting))])
            assert known is not None
            assert not waiting or known <= waiting[0]
