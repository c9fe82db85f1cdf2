"""What a policy takes, in figures; and where it asks for less than another."""

import datetime
from typing import Any

import msgspec
import pytest

from compare.policy.accepted import Accepted, Accepting
from compare.policy.explained import Plan, budget, duration, explained, familiar
from compare.policy.policy import Coverage, Policy, RateGate, Validity, Veto, load, parse
from compare.policy.relaxed import relaxations

DEFAULT = load("default")[0]
TODAY = datetime.date(2026, 11, 21)


def told(policy: Policy, **plan: Any) -> str:
    text = explained(policy, DEFAULT, Plan(**{"per_second": 1000.0, **plan}), TODAY)
    return " ".join(text.split())


def changed(old: str, new: str) -> Policy:
    text = load("default")[1]
    assert old in text
    return parse(text.replace(old, new, 1), "mine.toml")


@pytest.mark.parametrize(
    ("n", "most"),
    [(45_139, None), (45_140, 0), (100_000, 2), (250_000, 12), (500_000, 30), (1_000_000, 71)],
)
def test_the_budget_of_mismatches_at_9999(n: int, most: int | None) -> None:
    assert budget(n, 1e-4, 0.05) == most


def test_a_clean_pass_takes_what_the_strictest_gate_asks() -> None:
    assert DEFAULT.clean_requests == 45_140
    assert changed("target = 0.9999", "target = 0.99999").clean_requests == 451_392


def test_spending_alpha_takes_more_requests_at_each_attempt() -> None:
    first = changed('attempts = "restart"', 'attempts = "spend"')
    second = msgspec.structs.replace(first, gate=msgspec.structs.replace(first.gate, attempt=2))
    assert (first.clean_requests, second.clean_requests) == (53_754, 66_893)


def test_the_windows_and_the_time_are_told() -> None:
    said = told(DEFAULT)
    assert "91 good windows of 10 s (16 min)" in said
    assert "44 windows in which p50, p90, p99" in said
    assert "2,000 requests for the finest (200 a second)" in said
    assert "so at 1,000 distinct requests a second: 16 min" in said


def test_a_slow_stream_takes_longer() -> None:
    assert "so at 5 distinct requests a second: 2.5 h" in told(DEFAULT, per_second=5.0)


def test_what_fails_at_once_and_what_makes_a_run_invalid_is_told() -> None:
    said = told(DEFAULT)
    assert "1 request with a difference that nobody accepted, of kind duplicate_lost" in said
    assert "more than 0.1 % of the events more than 30 s late" in said


def test_the_default_asks_for_nothing_less_than_itself() -> None:
    assert relaxations(DEFAULT, DEFAULT) == []
    assert told(DEFAULT).endswith("It asks for less than the default - nothing")


def test_an_acceptance_is_told_with_its_bound_and_its_end() -> None:
    entry = Accepted(reason="agreed", by="ann", until=TODAY, signature="0123456789ab", at_most=20)
    said = told(msgspec.structs.replace(DEFAULT, accept=(entry,)))
    assert "0123456789ab: agreed (ann), until 2026-11-21, at most 20 requests" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"veto": ()}, "no veto on differences of kind duplicate_lost, missing, truncated"),
        (
            {"veto": (Veto(categories=("lost",), min_count=5),)},
            "veto on missing: min_count 5 instead of 1",
        ),
        ({"accepting": Accepting(stale="warn")}, "accepting.stale: a warning"),
        ({"validity": Validity(max_lag_ms=9)}, "validity.max_lag_ms 9 instead of 5"),
        (
            {"coverage": Coverage(min_distinct_requests=5)},
            "coverage.min_distinct_requests 5 instead of 45140",
        ),
    ],
)
def test_whatever_is_laxer_is_found(changes: dict[str, Any], said: str) -> None:
    lax = msgspec.structs.replace(DEFAULT, **changes)
    assert any(one.startswith(said) for one in relaxations(lax, DEFAULT))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("target = 0.9999", "target = 0.99", "queue-agreement: target 0.99 instead of 0.9999"),
        ('counts = "response"', 'counts = "queue"', "response-agreement is not judged"),
        ("limit_ms = 100.0", "limit_ms = 250.0", "limit_ms 250 instead of 100"),
        ("good_windows = 0.95", 'good_windows = 0.95\nmode = "advise"', "latency-100ms is not req"),
        ("quantiles = [0.5, 0.9, 0.99]", "quantiles = [0.5]", "not-slower: not judged at p90, p99"),
        ('headers = ["content-type"]', "headers = []", "header content-type is not compared"),
        ('on_undecided = "exit-3"', 'on_undecided = "pass"', "as if it were a PASS"),
        ("alpha = 0.05 ", "alpha = 0.2 ", "gate.alpha 0.2 instead of 0.05"),
    ],
)
def test_whatever_is_laxer_in_the_text_is_found(old: str, new: str, said: str) -> None:
    found = relaxations(changed(old, new), DEFAULT)
    assert any(said in one for one in found), found


def test_asking_for_more_is_no_relaxation() -> None:
    strict = changed("target = 0.9999", "target = 0.99999")
    assert relaxations(strict, DEFAULT) == []


def test_what_the_demo_relaxes_is_found_without_its_own_words() -> None:
    assert len(relaxations(load("demo")[0], DEFAULT)) >= 9


def test_a_gate_of_events_counts_its_cluster() -> None:
    gate = RateGate("e", "events", 0.99, stratum="2-10")
    lone = msgspec.structs.replace(
        DEFAULT, gate=msgspec.structs.replace(DEFAULT.gate, rate=(*DEFAULT.gate.rate, gate))
    )
    assert "e: 99 % agree, shown by 4,520 clean events of requests that hold 2-10" in told(lone)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (119, "119 s"), (930, "16 min"), (86_400, "24.0 h")]
)
def test_a_duration_is_said_in_its_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(("unseen", "requests"), [(0.03, 23_890), (0.01, 215_004)])
def test_a_bound_on_unseen_traffic_takes_its_own_number_of_requests(
    unseen: float, requests: int
) -> None:
    assert familiar(unseen) == requests
