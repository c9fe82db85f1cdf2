"""Token buckets: a burst, then a rate; all or nothing; in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from pyingest.serving.ratelimit import RateLimiter, Rates


def test_a_burst_passes_and_then_the_rate_rules() -> None:
    limiter = RateLimiter(Rates(rate=2, burst=3))
    assert [limiter.wait(["T"], 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.wait(["T"], 0.5) == 0
    assert limiter.wait(["T"], 0.5) == 0.5


def test_one_project_too_fast_takes_nothing_from_the_other() -> None:
    limiter = RateLimiter(Rates(rate=1, burst=1))
    assert limiter.wait(["A"], 0) == 0
    assert limiter.wait(["A", "B"], 0) == 1
    assert limiter.wait(["B"], 0) == 0


def test_a_batch_larger_than_the_bucket_passes_when_the_bucket_is_full() -> None:
    limiter = RateLimiter(Rates(rate=10, burst=5))
    assert limiter.wait(["T"] * 50, 0) == 0
    assert limiter.wait(["T"], 4.0) > 0
    assert limiter.wait(["T"], 5.0) == 0


def test_no_rate_means_no_limit_and_no_memory() -> None:
    limiter = RateLimiter(Rates(rate=0, single={"slow": 1.0}, burst=1))
    assert all(limiter.wait([f"T{number}"], 0) == 0 for number in range(100))
    assert len(limiter) == 0
    assert limiter.wait(["slow"], 0) == 0
    assert limiter.wait(["slow"], 0) == 1


def test_memory_is_bounded_and_the_longest_silent_is_forgotten() -> None:
    limiter = RateLimiter(Rates(rate=1, burst=1, remembered=2))
    for token in ("A", "B", "C"):
        assert limiter.wait([token], 0) == 0
    assert len(limiter) == 2
    assert limiter.wait(["C"], 0) == 1
    assert limiter.wait(["A"], 0) == 0


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 3)), min_size=1, max_size=100),
    st.floats(0.5, 20),
    st.integers(3, 10),
)
def test_never_more_than_burst_and_rate_allow(
    steps: list[tuple[float, int]], rate: float, burst: int
) -> None:
    limiter = RateLimiter(Rates(rate=rate, burst=burst))
    now = 0.0
    taken = 0
    for pause, count in steps:
        now += pause
        if limiter.wait(["T"] * count, now) == 0:
            taken += count
        assert taken <= burst + rate * now + 1e-6
