"""What the latency gates promise, by simulation of servers that pause, through real windows."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

import pytest

from compare.judging.evidence import Finding, found, weigh, weigh_net, weigh_net_counts
from compare.judging.latency import Window, Windows, slow_windows, usable_quantiles, worse_windows

ALPHA = 0.05
RATIO, SLACK, NET = 1.10, 0.002, 0.10
SECONDS = 10.0
RATE = 200
"""Requests a second: 2 000 a window, as many as p99 takes."""
Server = Callable[[float], float]
"""When a request comes -> how long it takes."""


def server(random: Random, until: float, scale: float = 1.0, pause: float = 0.0) -> Server:
    """Return a server of about 20 ms, that stops for *pause* seconds in the mean every 40 s.

    Who comes in a pause waits for its end.
    """
    pool = [scale * random.lognormvariate(math.log(0.020), 0.3) for _ in range(8_192)]
    starts, ends = [], []
    at = random.expovariate(1 / 40)
    while pause and at < until:
        starts.append(at)
        ends.append(at + random.expovariate(1 / pause))
        at = ends[-1] + random.expovariate(1 / 40)

    def takes(at: float) -> float:
        last = bisect_right(starts, at) - 1
        wait = max(0.0, ends[last] - at) if last >= 0 else 0.0
        return wait + pool[random.getrandbits(13)]

    return takes


def run(legacy: Server, candidate: Server, windows: int, rate: int = RATE) -> list[Window]:
    """Return the windows of a run, which are whole but for one at either end."""
    filled = Windows(SECONDS)
    for number in range(int((windows + 2) * SECONDS * rate)):
        at = number / rate
        filled.add(at, legacy(at), candidate(at))
    return filled.whole()


@cache
def pausing(seed: int) -> list[Window]:
    """Two equal servers, each with pauses of its own, for 20 minutes."""
    random = Random(seed)
    sides = [server(random, 1_300.0, pause=0.3) for _ in range(2)]
    return run(sides[0], sides[1], 120)


PAUSING = range(12)


def decided(signs: Sequence[int]) -> tuple[Finding, int]:
    """Return the first finding when looked at after every window, and after how many."""
    for n in range(1, len(signs) + 1):
        finding = weigh_net(signs[:n], NET, ALPHA, ALPHA)[0]
        if finding is not Finding.UNDECIDED:
            return finding, n
    return Finding.UNDECIDED, len(signs)


def signs(windows: list[Window], quantile: float) -> list[int]:
    return list(worse_windows(windows, quantile, RATIO, SLACK))


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_equal_servers_without_pauses_pass_after_about_44_windows(quantile: float) -> None:
    windows = calm(1.0)
    assert usable_quantiles(windows, [quantile]) == [quantile]
    finding, n = decided(signs(windows, quantile))
    assert finding is Finding.PASS
    assert 44 <= n <= 60


@cache
def calm(scale: float) -> list[Window]:
    random = Random(51)
    return run(server(random, 900.0), server(random, 900.0, scale), 62)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_a_server_slower_by_30_percent_fails_within_eight_windows(quantile: float) -> None:
    finding, n = decided(signs(calm(1.3), quantile))
    assert finding is Finding.FAIL
    assert n <= 8


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_a_server_that_is_faster_passes_and_sooner_than_an_equal_one(quantile: float) -> None:
    finding, n = decided(signs(calm(0.7), quantile))
    assert finding is Finding.PASS
    assert n < 44


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_pauses_on_both_sides_do_not_fail_equal_servers(quantile: float) -> None:
    findings = [decided(signs(pausing(seed), quantile))[0] for seed in PAUSING]
    assert findings.count(Finding.FAIL) <= 1  # of 12, at 5 % each


def test_a_count_of_worse_windows_alone_often_fails_equal_servers() -> None:
    """Why the gate is symmetric: how often legacy is the worse one has to be known."""
    failed, pairs = 0, list(zip(PAUSING[::2], PAUSING[1::2], strict=True))
    for one, other in pairs:
        worse, bad = signs(pausing(one) + pausing(other), 0.99), 0
        for n, sign in enumerate(worse, 1):
            bad += sign > 0
            if found(n, bad, NET, ALPHA, ALPHA) is Finding.FAIL:
                failed += 1
                break
    assert failed >= len(pairs) / 2


def test_with_such_pauses_p99_jumps_both_ways() -> None:
    for seed in PAUSING:
        jumps = signs(pausing(seed), 0.99)
        assert jumps.count(1) > 5
        assert jumps.count(-1) > 5


def test_pauses_hardly_touch_the_median() -> None:
    decisions = [decided(signs(pausing(seed), 0.5)) for seed in PAUSING]
    assert {finding for finding, _ in decisions} == {Finding.PASS}
    assert sorted(n for _, n in decisions)[len(decisions) // 2] == 44


def first_pass(bad: Sequence[bool]) -> int | None:
    """Return after how many windows the gate of 95 % good windows passes."""
    for n in range(1, len(bad) + 1):
        if found(n, sum(bad[:n]), 0.05, ALPHA, ALPHA) is Finding.PASS:
            return n
    return None


@pytest.mark.parametrize(("slow", "needed"), [(0, 91), (1, 138), (2, 178), (3, 214)])
def test_clean_windows_that_an_slo_takes(slow: int, needed: int) -> None:
    """The servers stop once in each of the first so many windows, long enough to be seen."""
    random = Random(52)
    pool = [random.lognormvariate(math.log(0.020), 0.2) for _ in range(1_024)]

    def takes(at: float) -> float:
        window = int(at / SECONDS)
        wait = 0.5 - at % SECONDS if 1 <= window <= slow else 0.0
        return max(0.0, wait) + pool[random.getrandbits(10)]

    windows = run(lambda at: 0.02, takes, needed + 2, rate=20)
    bad = list(slow_windows(windows, 0.100, 0.999))
    assert sum(bad) == slow
    assert first_pass(bad) == needed
    assert weigh(needed - 1, slow, 0.05, ALPHA, ALPHA).needs_clean == 1


def test_a_server_with_a_bad_window_in_ten_does_not_pass_an_slo_of_one_in_twenty() -> None:
    random, passed, runs = Random(53), 0, 2_000
    for _ in range(runs):
        passed += first_pass([random.random() < 0.10 for _ in range(200)]) is not None
    assert passed / runs < 0.01


def test_a_server_at_the_limit_of_an_slo_passes_in_one_run_of_twenty_at_most() -> None:
    random, passed, runs = Random(54), 0, 2_000
    for _ in range(runs):
        bad = 0
        for n in range(1, 1_001):
            if found(n, bad, 0.05, ALPHA, ALPHA) is Finding.PASS:
                passed += 1
                break
            bad += random.random() < 0.05
    assert passed / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize(
    ("worse", "better"), [(0.10, 0.0), (0.15, 0.05), (0.30, 0.20)], ids=["one", "some", "many"]
)
def test_a_net_share_at_the_limit_is_judged_wrong_in_one_run_of_twenty_at_most(
    worse: float, better: float
) -> None:
    random, runs = Random(55), 400
    wrong = {Finding.PASS: 0, Finding.FAIL: 0}
    for _ in range(runs):
        ups = downs = 0
        seen = set()
        for n in range(1, 301):
            draw = random.random()
            ups += draw < worse
            downs += draw >= 1 - better
            seen.add(weigh_net_counts(ups, downs, n - ups - downs, NET, ALPHA, ALPHA)[0])
        for finding in wrong:
            wrong[finding] += finding in seen
    tolerance = 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert max(wrong.values()) / runs <= ALPHA + tolerance
    assert sum(wrong.values())
