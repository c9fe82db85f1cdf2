"""Whether a request gets a copy: switch, rules, sampling and control arm as one question."""

from random import Random

import pytest

from pyingest.message import Request
from shadow.exchange import Reason, Side
from shadow.isolating.router import Arm, NoArm, RequestArm, RuleRouter, SliceArm
from shadow.isolating.rules import rules_of
from shadow.isolating.settings import RuleSettings
from shadow.isolating.switch import Control, Switch, write_control
from shadow.routing import MIRRORED, Route
from shadow.sampling import Sampling, positions

GET = Request(b"GET", b"/track?data=1")
OFF = write_control(Control(mirroring=False, why="test"))


class AlwaysControl:
    """An arm that takes every request."""

    def __repr__(self) -> str:
        return "AlwaysControl()"  # the same in each process that collects these tests

    def draws(self) -> bool:
        return True


class Untouchable:
    """A request of which nothing may be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was asked for")


def router(
    *rules: RuleSettings, sampling: Sampling | None = None, arm: Arm | None = None
) -> tuple[RuleRouter, Switch]:
    switch = Switch()
    made = rules_of(rules, "test")
    return RuleRouter(switch, made, sampling or Sampling(), arm or NoArm()), switch


def test_everything_is_mirrored_and_nothing_is_looked_at_where_nothing_is_set() -> None:
    asked, _ = router()
    assert asked.route(Untouchable()) is MIRRORED  # type: ignore[arg-type]  # the point of it


BY_GET = RuleSettings(method="GET")
NEVER = RuleSettings(method="GET", action="sample", share=0.0)
ALWAYS = RuleSettings(method="GET", action="mirror")


@pytest.mark.parametrize(
    ("rules", "sampling", "arm", "off", "reason"),
    [
        ([], 1.0, None, True, Reason.SWITCHED_OFF),
        ([BY_GET], 1.0, None, True, Reason.SWITCHED_OFF),
        ([BY_GET], 0.0, AlwaysControl(), False, Reason.FILTERED),
        ([RuleSettings(method="POST")], 0.0, AlwaysControl(), False, Reason.NOT_SAMPLED),
        (
            [NEVER],
            1.0,
            None,
            False,
            Reason.NOT_SAMPLED,
        ),
        ([ALWAYS], 0.0, None, False, None),
        (
            [ALWAYS],
            0.0,
            AlwaysControl(),
            False,
            Reason.CONTROL,
        ),
        ([], 1.0, AlwaysControl(), False, Reason.CONTROL),
        ([], 0.0, AlwaysControl(), False, Reason.NOT_SAMPLED),
        ([], 1.0, None, False, None),
    ],
    ids=str,
)
def test_the_switch_comes_before_rules_before_sampling_before_the_control_arm(
    rules: list[RuleSettings], sampling: float, arm: Arm | None, off: bool, reason: Reason | None
) -> None:
    asked, switch = router(*rules, sampling=Sampling(share=sampling), arm=arm)
    if off:
        switch.take(OFF)
    assert asked.route(GET) == Route(Side.LEGACY, reason)


def test_the_switch_holds_from_the_next_request_on() -> None:
    asked, switch = router()
    switch.take(OFF)
    assert asked.route(GET).skip is Reason.SWITCHED_OFF
    switch.take(None)
    assert asked.route(GET).skip is None


def test_the_control_arm_is_a_share_of_what_would_be_mirrored() -> None:
    asked, _ = router(sampling=Sampling(share=0.5), arm=RequestArm(0.2, Random(3).random))
    requests = [Request(b"GET", b"/track?data=%d" % number) for number in range(10_000)]
    reasons = [asked.route(one).skip for one in requests]
    assert 4_800 < reasons.count(Reason.NOT_SAMPLED) < 5_200
    assert 900 < reasons.count(Reason.CONTROL) < 1_100


def test_a_slice_of_time_is_of_one_arm_whoever_asks() -> None:
    now = [0.0]
    arms = [SliceArm(0.3, 0.5, positions(1, b"control"), lambda: now[0]) for _ in range(2)]
    drawn = []
    for _ in range(4_000):
        one, other = (arm.draws() for arm in arms)
        assert one is other
        drawn.append(one)
        now[0] += 0.125
    slices = [set(drawn[at : at + 4]) for at in range(0, 4_000, 4)]
    assert all(len(one) == 1 for one in slices)
    assert 250 < slices.count({True}) < 350
