"""What mirroring costs, with an interval that holds."""

import json
import math
from random import Random

from shadow.isolating.histogram import FINE, Histogram
from shadow.isolating.tax import Arms, arms_of

TAX = 1.05


def observed(seed: int, *, sliced: bool) -> tuple[Arms, float]:
    """Return the arms of 10 000 requests within 100 s, and the true tax at the median.

    Legacy gets slower and faster with the time, as it does.
    """
    random, arms = Random(seed), Arms(0.25)
    both = Histogram(FINE), Histogram(FINE)
    drawn: dict[int, bool] = {}
    level = 0.0
    for number in range(10_000):
        at = number / 100
        if number % 50 == 0:
            level = 0.8 * level + random.gauss(0, 0.05)
        alone = random.random() < 0.3
        control = drawn.setdefault(number // 25, alone) if sliced else alone
        seconds = random.lognormvariate(math.log(0.005) + level, 0.3)
        for one, value in zip(both, (TAX * seconds, seconds), strict=True):
            one.add(value)
        arms.add(control, seconds if control else TAX * seconds, at)
    return arms, both[0].quantile(0.5) - both[1].quantile(0.5)


def test_the_interval_of_requests_holds_the_true_tax_as_often_as_it_says() -> None:
    runs = [observed(seed, sliced=False) for seed in range(40)]
    taxes = [(arms.tax(0.5), true) for arms, true in runs]
    held = sum(tax is not None and tax.low <= true <= tax.high for tax, true in taxes)
    assert held >= 35
    assert all(tax is not None and tax.high - tax.low < 0.1 * tax.control for tax, _ in taxes)


def test_the_interval_of_slices_of_time_holds_it_too() -> None:
    taxes = [(arms.tax(0.5), true) for arms, true in (observed(s, sliced=True) for s in range(40))]
    held = sum(tax is not None and tax.low <= true <= tax.high for tax, true in taxes)
    assert held >= 35


def test_nothing_is_said_while_too_little_is_known() -> None:
    arms = Arms()
    assert arms.tax(0.5) is None
    for number in range(400):
        arms.add(number % 2 == 0, 0.01, number / 10)
    assert arms.tax(0.5) is not None
    assert arms.tax(0.99) is None


def test_nothing_is_said_of_a_few_slices() -> None:
    arms = Arms(0.5)
    for number in range(5_000):
        arms.add(number < 500, 0.01, number / 100)
    assert arms.tax(0.5) is None


def test_arms_of_equal_latencies_have_no_tax() -> None:
    arms = Arms()
    for number in range(8_000):
        arms.add(number % 4 == 0, 0.01 + number % 400 / 100_000, number / 50)
    tax = arms.tax(0.5)
    assert tax is not None
    assert abs(tax.difference) < 1e-4
    assert tax.low <= 0 <= tax.high


def test_the_arms_of_all_workers_are_those_of_one() -> None:
    whole, parts = Arms(0.5), [Arms(0.5), Arms(0.5)]
    random = Random(3)
    for number in range(3_000):
        one = random.random() < 0.2, random.lognormvariate(-5, 0.4), number / 40
        whole.add(*one)
        parts[number % 2].add(*one)
    stored = [json.loads(json.dumps(part.to_dict())) for part in parts]
    assert arms_of([*stored, {}, {"groups": 5}]).to_dict() == whole.to_dict()
    parts[0].merge(parts[1])
    assert parts[0].tax(0.5) == whole.tax(0.5)


def test_a_status_tells_both_arms_by_its_own_buckets() -> None:
    arms = Arms()
    arms.add(True, 0.001, 0.0)
    arms.add(False, 0.002, 1.0)
    arms.add(False, 0.002, 2.0)
    told = arms.status()
    assert told.control == {int(8 * math.log2(1_000)): 1}
    assert told.mirrored == {int(8 * math.log2(2_000)): 2}
