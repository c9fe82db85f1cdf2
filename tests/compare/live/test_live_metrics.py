"""``/metrics`` as a strict reader of OpenMetrics takes it."""

from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from compare.live.history import History
from compare.live.judged import Judged
from compare.live.metrics import render_metrics
from compare.live.roster import Roster
from compare.live.testing import proxy_status, tap_status
from compare.live.view import View
from shadow.serving.statusfiles import Told, Unreadable
from shadow.status import BreakerStatus

NOW = 1_795_000_000.0


def view(**judged: Any) -> View:
    roster, history = Roster(lambda pid: True), History()
    proxy = proxy_status(NOW, 1, 1000, breaker=BreakerStatus(state="half-open", openings=2))
    roster.take(Told((proxy, tap_status(NOW, 2, 1000))))
    history.add(NOW, roster.totals(NOW))
    gate = {"name": 'a "gate"\n', "mismatches": -1, "finding": "UNDECIDED"}
    known: dict[str, Any] = {"state": "recording", "at": NOW, "needs": 9, "gates": [gate]}
    return View(
        run="r\\1",
        at=NOW,
        judged=Judged(**{**known, **judged}),
        members=roster.members(NOW),
        totals=roster.totals(NOW),
        history=history,
        unreadable=(Unreadable("x.json", "no"),),
    )


def samples(found: View) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = render_metrics(found).decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in parse(text)
        for one in family.samples
    }


def value(found: View, name: str, **labels: str) -> float:
    return samples(found)[f"mixmigrate_live_{name}", frozenset(labels.items())]


def test_counters_are_those_of_the_ledger() -> None:
    found = view()
    assert value(found, "requests_total", bucket="received") == 1000
    assert value(found, "answers_total", side="legacy", outcome="good") == 1000
    assert ("mixmigrate_live_requests_total", frozenset({("bucket", "remainder")})) not in samples(
        found
    )


def test_the_verdict_is_a_state_set() -> None:
    for outcome in ("PASS", "FAIL", "UNDECIDED", "INVALID"):
        found = view(outcome=outcome)
        states = {
            next(iter(labels))[1]: one
            for (name, labels), one in samples(found).items()
            if name == "mixmigrate_live_verdict"
        }
        assert states == {one: float(one == outcome) for one in states}
        assert len(states) == 4


def test_a_histogram_is_cumulative_and_exact_at_its_bounds() -> None:
    found = view()
    # Bucket 80 holds 2**10 to 2**10.125 microseconds.
    assert value(found, "latency_seconds_bucket", side="legacy", le="0.001024") == 0
    assert value(found, "latency_seconds_bucket", side="legacy", le="0.002048") == 1000
    assert value(found, "latency_seconds_count", side="legacy") == 1000
    assert 1.02 < value(found, "latency_seconds_sum", side="legacy") < 1.12


def test_lane_breaker_taps_and_processes_are_told() -> None:
    found = view()
    assert value(found, "lane_fill_ratio") == 0.09
    assert value(found, "breaker", mixmigrate_live_breaker="half-open") == 1
    assert value(found, "breaker_openings_total") == 2
    assert value(found, "tap_lag", side="legacy", queue="events") == 4
    assert value(found, "tap_behind_seconds", side="legacy", queue="events") == 0.5
    assert value(found, "process_up", process="proxy-0") == 1
    assert value(found, "unreadable_files") == 1


def test_what_is_not_known_is_not_told() -> None:
    names = {name for name, _ in samples(view())}
    assert "mixmigrate_live_queue_discarded" not in names
    empty = View("r", NOW, Judged(state="waiting"))
    assert "mixmigrate_live_lane_fill_ratio" not in {name for name, _ in samples(empty)}
    assert value(empty, "phase", mixmigrate_live_phase="waiting") == 1
