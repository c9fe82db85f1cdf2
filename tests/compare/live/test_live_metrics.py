"""``/metrics`` as a strict reader of OpenMetrics takes it."""

from typing import Any

import msgspec
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from compare.live.history import History
from compare.live.judged import Judged
from compare.live.metrics import render_metrics
from compare.live.roster import Roster
from compare.live.testing import proxy_status, tap_status
from compare.live.view import View
from shadow.serving.statusfiles import Told, Unreadable
from shadow.serving.summing import joined
from shadow.status import BreakerStatus, Status

NOW = 1_795_000_000.0
CLOSING = ("received", "mirrored", "lost")
PROXY = {"received": 1000, "mirrored": 1000, "lost": 0, "remainder": 0}
RECORDED = {"received": 1006, "mirrored": 900, "lost": 106}
RESTARTS = "mixmigrate_live_process_restarts_total", frozenset({("process", "proxy-0")})


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


def scraped(roster: Roster, *told: Status, earlier: Status | None = None) -> View:
    roster.take(Told(told, earlier=earlier))
    totals, members = roster.totals(NOW), roster.members(NOW)
    return View("r", NOW, Judged(state="recording"), members=members, totals=totals)


def test_counters_never_shrink_through_a_death_and_a_restart_and_the_ledger_closes() -> None:
    roster = Roster(lambda pid: True)
    told = proxy_status(NOW, 1, 1000, ledger={**PROXY, "remainder": 4, "received": 1004})
    # Killed: 900 of the 1,000 are in the record, and 1,006 had come.
    right = msgspec.structs.replace(told, ledger={**PROXY, **RECORDED}, most=told.ledger)
    successor = proxy_status(NOW, 2, 50, name="proxy-0.1")
    # All are killed, and the run is gone on with.
    past = joined([right, successor])
    past.ledger = {**past.ledger, "received": 1056, "mirrored": 945, "lost": 111}
    views = [
        scraped(roster, told),
        scraped(roster, right, successor),
        scraped(roster, proxy_status(NOW, 3, 2), earlier=past),
        scraped(Roster(lambda pid: True), proxy_status(NOW, 3, 2), earlier=past),
    ]
    for name in ("received", "mirrored", "lost"):
        counts = [samples(one).get(bucket("requests_total", name), 0.0) for one in views]
        assert counts == sorted(counts)
    for one in views[1:]:
        ledger = {name: samples(one)[bucket("ledger_requests", name)] for name in CLOSING}
        assert ledger["received"] == ledger["mirrored"] + ledger["lost"]
    assert samples(views[3]) == samples(views[2]) | {RESTARTS: 0.0}
    assert value(views[3], "ledger_requests", bucket="lost") == 111


def bucket(family: str, name: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"mixmigrate_live_{family}", frozenset({("bucket", name)})


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
