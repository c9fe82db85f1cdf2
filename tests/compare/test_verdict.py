"""The verdict: gates, what makes a run invalid, and that a mismatch never improves it."""

from dataclasses import replace

import pytest

from compare.latency import Windows
from compare.policy import load
from compare.tally import EventCounts, Summary, UnitCounts
from compare.verdict import Outcome, judge

POLICY, _ = load("default")
LEDGER = {"received": 60_000, "mirrored": 60_000, "remainder": 0}
ORDER = [Outcome.PASS, Outcome.UNDECIDED, Outcome.FAIL, Outcome.INVALID]


def windows(seconds: int = 1_000, candidate: float | None = 0.01) -> Windows:
    filled = Windows(10.0)
    for at in range(seconds):
        for part in range(5):
            filled.add(at + part / 5, 0.01, candidate)
    return filled


def summary(distinct: int = 60_000, **units: int) -> Summary:
    counts = UnitCounts(exchanges=distinct, mirrored=distinct, distinct=distinct)
    return Summary(
        events=EventCounts(legacy=distinct, candidate=distinct, identical=distinct),
        units=replace(counts, **units),
        kinds={},
        causes=[],
        windows=windows(),
    )


def outcome(one: Summary, ledger: dict[str, int] | None = None) -> Outcome:
    return judge(one, ledger or LEDGER, POLICY).outcome


def test_enough_clean_requests_pass() -> None:
    verdict = judge(summary(), LEDGER, POLICY)
    assert (verdict.outcome, verdict.reasons, verdict.outcome.exit_code) == (Outcome.PASS, (), 0)


def test_too_few_are_undecided_and_the_number_needed_is_said() -> None:
    verdict = judge(summary(40_000), LEDGER, POLICY)
    assert (verdict.outcome, verdict.needs) == (Outcome.UNDECIDED, 5_140)
    assert any("5,140 more" in reason for reason in verdict.reasons)
    assert verdict.outcome.exit_code == 3


@pytest.mark.parametrize("what", ["queue_mismatches", "response_mismatches", "candidate_errors"])
def test_many_mismatches_of_any_kind_fail(what: str) -> None:
    verdict = judge(summary(**{what: 60}), LEDGER, POLICY)
    assert (verdict.outcome, verdict.outcome.exit_code) == (Outcome.FAIL, 1)


@pytest.mark.parametrize("what", ["queue_mismatches", "response_mismatches", "candidate_errors"])
def test_a_further_mismatch_never_improves_the_verdict(what: str) -> None:
    for distinct in (1, 100, 45_140, 90_000):
        found = [ORDER.index(outcome(summary(distinct, **{what: n}))) for n in range(30)]
        assert found == sorted(found)


def test_a_ledger_that_does_not_close_is_invalid() -> None:
    assert outcome(summary(), {**LEDGER, "remainder": 1}) is Outcome.INVALID


def test_damage_is_invalid_even_where_a_gate_fails() -> None:
    broken = summary(queue_mismatches=500)
    broken.damage.append("events-00.jsonl.zst: cut short")
    verdict = judge(broken, LEDGER, POLICY)
    assert verdict.outcome is Outcome.INVALID
    assert any("cut short" in reason for reason in verdict.reasons)
    assert any("queue-agreement" in reason for reason in verdict.reasons)


def test_a_run_in_which_nothing_was_compared_is_invalid() -> None:
    assert outcome(summary(0)) is Outcome.INVALID


def test_a_silent_legacy_queue_is_invalid() -> None:
    silent = summary()
    silent.events.legacy = 0
    assert outcome(silent) is Outcome.INVALID


def test_pending_requests_are_invalid() -> None:
    waiting = summary()
    waiting.pending = 3
    assert outcome(waiting) is Outcome.INVALID


def test_a_slow_candidate_fails() -> None:
    slow = summary()
    slow.windows = windows(candidate=0.5)
    assert outcome(slow) is Outcome.FAIL


def test_a_candidate_that_does_not_answer_fails_the_latency_gates_too() -> None:
    silent = summary()
    silent.windows = windows(candidate=None)
    assert outcome(silent) is Outcome.FAIL


def test_quantiles_too_fine_for_the_windows_are_left_out_and_said() -> None:
    gates = {gate.name: gate for gate in judge(summary(), LEDGER, POLICY).gates}
    assert "not-slower p50" in gates
    assert "not-slower p99" not in gates
    assert "p99 left out" in gates["not-slower p50"].note
