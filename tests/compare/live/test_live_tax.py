"""What mirroring costs: told when it is there, and seldom when it is not."""

import math
from random import Random

import pytest

from compare.live.tax import STRETCH, Tax, TaxWatch
from shadow.isolating.tax import GROUPS
from shadow.status import BUCKETS_PER_OCTAVE, ControlArm

AT = 1_795_000_000.0


class Traffic:
    """Both arms of a run, of which some seconds are slow for everybody."""

    def __init__(self, random: Random, cost: float, share: float = 0.2) -> None:
        self.watch = TaxWatch()
        self._random, self._cost, self._share = random, cost, share
        self._arm = ControlArm(mirrored={}, control={})
        self.watch.add(AT, self._arm)

    def run(self, seconds: int, rate: int = 60, sliced: bool = False) -> list[Tax]:
        """Return what is known after so many *seconds* of traffic."""
        for second in range(seconds):
            slow = self._random.random() < 0.1
            control_second = self._random.random() < self._share
            self._arm = ControlArm(
                mirrored=dict(self._arm.mirrored), control=dict(self._arm.control)
            )
            for _ in range(rate):
                alone = control_second if sliced else self._random.random() < self._share
                self._count(alone, slow)
            self.watch.add(AT + second + 1, self._arm)
        return self.watch.taxes()

    def _count(self, alone: bool, slow: bool) -> None:
        micro = self._random.lognormvariate(7.0, 0.4) * (5 if slow else 1)
        arm = self._arm.control if alone else self._arm.mirrored
        micro += 0 if alone else self._cost * 1e6
        bucket = math.floor(BUCKETS_PER_OCTAVE * math.log2(micro))
        arm[bucket] = arm.get(bucket, 0) + 1


def test_without_a_control_arm_nothing_is_known() -> None:
    assert Traffic(Random(1), 0.0, share=0.0).run(200) == []


def test_before_every_stretch_has_both_arms_nothing_is_known() -> None:
    traffic = Traffic(Random(1), 0.0)
    assert traffic.run(int(STRETCH) * (GROUPS - 2)) == []
    assert traffic.run(int(STRETCH) * (GROUPS + 1))


def test_what_mirroring_costs_lies_within_the_interval_and_is_felt() -> None:
    found = {one.name: one for one in Traffic(Random(2), 0.001).run(300)}
    assert set(found) == {"p50", "p99"}
    assert found["p50"].low < 0.001 < found["p50"].high
    assert found["p50"].is_felt


@pytest.mark.parametrize("sliced", [False, True])
def test_where_it_costs_nothing_nothing_is_felt_as_a_rule(sliced: bool) -> None:
    felt = known = 0
    for seed in range(30):
        taxes = Traffic(Random(seed), 0.0).run(600, rate=20, sliced=sliced)
        known += len(taxes) == 2
        felt += any(one.is_felt for one in taxes)
    assert known >= 15
    assert felt <= 4


def test_what_was_counted_before_the_page_began_belongs_to_no_stretch() -> None:
    watch = TaxWatch()
    watch.add(AT, ControlArm(mirrored={80: 10**6}, control={80: 10**6}))
    assert watch.taxes() == []


def test_a_difference_of_less_than_a_buckets_width_is_not_felt() -> None:
    assert not Tax("p50", mirrored=0.0104, control=0.010, low=0.0001, high=0.0007).is_felt
