"""Looks at a run: before it is there, while it grows, at its end, and when its writers die."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from compare.judgement import judge_run
from compare.live.judged import Judged
from compare.live.looking import GONE, Looker
from compare.live.testing import GrowingRun, proxy_status, requests, tap_status
from compare.policy.policy import Policy, load
from pyingest.wire.profile import MOCHIWEB, STRICT
from shadow.status import LaneStatus, QueueStatus, Status

AT = 1_795_000_000.0


@pytest.fixture
def policy() -> Policy:
    """Return the built-in policy, under which little evidence is enough, and ripe at once."""
    found, _ = load("default")
    gate = msgspec.structs.replace(
        found.gate,
        rate=[msgspec.structs.replace(one, target=0.9) for one in found.gate.rate],
        slo=[],
        relative=[],
    )
    coverage = msgspec.structs.replace(
        found.coverage, min_distinct_requests=100, tokens=1, top_token_share=1.0, max_unseen=1.0
    )
    validity = msgspec.structs.replace(found.validity, late_after_seconds=1.0)
    return msgspec.structs.replace(found, gate=gate, coverage=coverage, validity=validity)


class Bench:
    """A looker with a clock that a test moves."""

    def __init__(self, run: Path, policy: Policy) -> None:
        self.now = AT
        self.alive = True
        work = run.parent / "work"
        work.mkdir()
        self.looker = Looker(run, policy, work, lambda pid: self.alive, lambda: self.now)

    def look(self) -> Judged:
        return self.looker.look()


@pytest.fixture
def bench(tmp_path: Path, policy: Policy) -> Bench:
    return Bench(tmp_path / "run", policy)


def grown(path: Path, count: int, odd: int = 0) -> GrowingRun:
    run = GrowingRun(path, at=AT, step=0.1, candidate=STRICT if odd else MOCHIWEB)
    for request in requests(count, odd):
        run.add(request)
    run.flush()
    return run


def told(count: int, at: float = AT + 60, **changes: Any) -> Status:
    """Return what a proxy tells of which nothing waits in the lane."""
    return proxy_status(at, 1, count, **{"lane": LaneStatus(), **changes})


def test_a_run_that_is_not_there_yet_is_waited_for(bench: Bench, tmp_path: Path) -> None:
    found = bench.look()
    assert (found.state, found.outcome, found.policy_hash) == ("waiting", "UNDECIDED", "")
    assert "no manifest.json" in found.why


def test_a_run_without_traffic_is_undecided_and_not_invalid(bench: Bench, tmp_path: Path) -> None:
    GrowingRun(tmp_path / "run")
    found = bench.look()
    assert (found.state, found.outcome) == ("recording", "UNDECIDED")
    assert found.reasons == ["nothing could be compared yet"]
    assert found.needs == 100
    assert found.build == "candidate 2"


def test_a_growing_run_gets_its_verdict_before_its_end(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 60)
    run.tell(told(60))
    first = bench.look()
    assert (first.outcome, first.final) == ("UNDECIDED", False)
    assert first.needs is not None
    assert first.until == pytest.approx(AT + 5.0, abs=0.01)
    for request in list(requests(300))[60:]:
        run.add(request)
    run.flush()
    run.tell(told(300))
    second = bench.look()
    assert (second.outcome, second.reasons, second.final) == ("PASS", [], False)
    assert second.requests["distinct"] > first.requests["distinct"]


def test_what_differs_is_told_with_its_cause_and_an_example(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300, odd=5)
    run.tell(told(300))
    found = bench.look()
    assert found.outcome == "FAIL"
    assert found.all_causes == len(found.causes) == 1
    (cause,) = found.causes
    assert "trailing comma" in cause["title"]
    assert cause["example"]["candidate"] is None
    assert '"distinct_id"' in cause["example"]["legacy"]
    assert found.until is not None


def test_the_last_look_says_what_the_report_says(
    bench: Bench, tmp_path: Path, policy: Policy
) -> None:
    run = grown(tmp_path / "run", 300, odd=50)
    assert not bench.look().final
    run.close()
    found = bench.look()
    report = judge_run(tmp_path / "run", policy, "", lambda *_: None)
    assert (found.state, found.final) == ("complete", True)
    assert found.outcome == report.verdict.outcome.value
    assert found.reasons == list(report.verdict.reasons)
    assert found.requests["distinct"] == 300
    assert [one["signature"] for one in found.causes] == [
        one.signature for one in report.summary.causes
    ]


def test_a_finished_run_is_read_once(bench: Bench, tmp_path: Path) -> None:
    grown(tmp_path / "run", 20).close()
    first = bench.look()
    for segment in (tmp_path / "run").glob("*.zst"):
        segment.unlink()
    assert bench.look() is first


def test_a_run_whose_processes_died_is_invalid(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    run.tell(told(300))
    assert bench.look().outcome == "PASS"
    bench.alive = False
    bench.now = AT + 60 + GONE / 2
    assert bench.look().state == "recording"
    bench.now = AT + 60 + GONE + 1
    found = bench.look()
    assert (found.state, found.outcome) == ("abandoned", "INVALID")
    assert any("did not come to an end" in reason for reason in found.reasons)


def test_a_run_of_which_a_part_was_killed_has_ended_all_the_same(
    bench: Bench, tmp_path: Path
) -> None:
    grown(tmp_path / "run", 20).close()
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"killed"'))
    found = bench.look()
    assert (found.state, found.outcome, found.final) == ("complete", "INVALID", True)


def test_a_ledger_that_stays_open_makes_the_run_invalid_now(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    for second in range(12):
        bench.now = AT + 60 + second
        ledger = run.ledger(remainder=50, received=350)
        run.tell(told(300, bench.now, ledger=ledger))
        found = bench.look()
    assert found.outcome == "INVALID"
    assert any("the ledger does not close: 47 requests" in reason for reason in found.reasons)


def test_what_is_under_way_is_no_remainder(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    for second in range(12):
        bench.now = AT + 60 + second
        ledger = run.ledger(received=304, mirrored=301, remainder=3, pending=1)
        run.tell(told(300, bench.now, ledger=ledger))
        found = bench.look()
    assert found.outcome == "PASS"


def test_a_queue_that_cannot_be_read_now_is_a_note(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    queues = {"legacy events": QueueStatus(error="connection refused", watermark=AT + 30)}
    run.tell(tap_status(AT, 2, 300, queues=queues))
    found = bench.look()
    assert found.outcome == "PASS"
    assert found.notes[0].endswith("nothing new counts: connection refused")


def test_nothing_counts_that_a_tap_has_not_reached(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    counted = []
    for watermark in (0.0, AT + 10, AT + 5, AT + 20):
        queues = {
            "legacy events": QueueStatus(watermark=AT + 100),
            "candidate events": QueueStatus(watermark=watermark),
        }
        run.tell(tap_status(AT, 2, 300, queues=queues))
        counted.append(bench.look().requests.get("distinct", 0))
    # One second until they are ripe, three until they are on the disk; ten requests a second.
    assert counted == [0, 60, 60, 160]


def test_what_counts_does_not_depend_on_where_it_was_recorded(bench: Bench, tmp_path: Path) -> None:
    """An exchange that is too young lies before an older one, whose events count already."""
    run = GrowingRun(tmp_path / "run", at=AT + 50, step=0.0)
    young, old = requests(2)
    run.add(young)
    run.at = AT + 10
    run.add(old)
    run.flush()
    run.tell(tap_status(AT + 24, 2, 4))
    assert bench.look().requests["distinct"] == 1


def test_nothing_counts_that_may_wait_in_a_lane(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    run.tell(tap_status(AT + 60, 2, 300))
    counted = []
    for second, sent, waiting in ((14, 0, 0), (20, 0, 50), (24, 49, 90), (30, 50, 99)):
        ledger = run.ledger(mirrored=sent)
        lane = LaneStatus(requests=waiting)
        run.tell(told(300, AT + second, ledger=ledger, lane=lane))
        counted.append(bench.look().requests["distinct"])
    assert counted == [100, 100, 100, 160]


def test_the_last_requests_before_a_pause_come_to_count(bench: Bench, tmp_path: Path) -> None:
    run = grown(tmp_path / "run", 300)
    assert 285 < bench.look().requests["distinct"] < 300
    run.tell(tap_status(AT + 60, 2, 300))
    assert bench.look().requests["distinct"] == 300


def test_a_manifest_that_cannot_be_read_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{")
    found = bench.look()
    assert found.state == "failed"
    assert "not a manifest" in found.why


def test_a_run_that_comes_after_another_in_the_same_place_is_read_anew(
    bench: Bench, tmp_path: Path
) -> None:
    grown(tmp_path / "run", 20).close()
    assert bench.look().final
    (tmp_path / "run").rename(tmp_path / "before")
    assert bench.look().state == "waiting"
    grown(tmp_path / "run", 30).close()
    assert bench.look().requests["distinct"] == 30


def test_a_look_tells_how_long_it_took(bench: Bench) -> None:
    assert bench.look().seconds == 0
    assert time.time() > bench.look().at
