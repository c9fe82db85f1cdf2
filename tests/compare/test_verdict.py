"""Verdicts: what passes, what cannot, and that a mismatch never helps."""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.difference import Kind
from compare.policy import Coverage, Policy, load
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    equal_windows,
    manifest,
    policy,
)
from compare.tally import EventCounts, Summary
from compare.verdict import GateResult, Outcome, Verdict, judge
from shadow.recording import Manifest

EQUAL = equal_windows()
ORDER = [Outcome.PASS, Outcome.UNDECIDED, Outcome.FAIL, Outcome.INVALID]


def verdict(summary: Summary, rules: Policy | None = None) -> Verdict:
    return judge(summary, manifest(summary.units.mirrored), rules or policy())


def gate(found: Verdict, name: str) -> GateResult:
    return next(one for one in found.gates if one.name == name)


def test_a_clean_run_passes() -> None:
    found = verdict(clean_summary(windows=EQUAL))
    assert (found.outcome, found.reasons) == (Outcome.PASS, ())
    assert "95 % confidence" in found.claim


@pytest.mark.parametrize(("outcome", "code"), [*zip(ORDER, (0, 3, 1, 4), strict=True)])
def test_the_exit_codes(outcome: Outcome, code: int) -> None:
    assert outcome.exit_code == code


def test_too_few_requests_are_undecided_and_say_how_many_more() -> None:
    found = verdict(clean_summary(40_000, EQUAL))
    assert found.outcome is Outcome.UNDECIDED
    assert found.needs == 5_140


def test_a_port_with_differences_fails() -> None:
    assert verdict(differing_summary()).outcome is Outcome.FAIL


def spoil_state(_: Summary, run: Manifest) -> None:
    run.state = "recording"


def spoil_remainder(_: Summary, run: Manifest) -> None:
    run.ledger["remainder"] = 1


def spoil_ledger(_: Summary, run: Manifest) -> None:
    run.ledger = {}


def spoil_pending(summary: Summary, _: Manifest) -> None:
    summary.pending = 3


def spoil_damage(summary: Summary, _: Manifest) -> None:
    summary.damage.append("events-00.jsonl.zst: cut short")


def spoil_legacy_queue(summary: Summary, _: Manifest) -> None:
    summary.events = EventCounts(candidate=100, extra=100)


def spoil_both_queues(summary: Summary, _: Manifest) -> None:
    summary.events = EventCounts()


def spoil_requests(summary: Summary, _: Manifest) -> None:
    summary.units.mirrored = summary.units.distinct = 0


def spoil_taps(_: Summary, run: Manifest) -> None:
    run.taps = {}


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_state,
        spoil_remainder,
        spoil_ledger,
        spoil_pending,
        spoil_damage,
        spoil_legacy_queue,
        spoil_both_queues,
        spoil_requests,
        spoil_taps,
    ],
)
def test_a_run_that_cannot_be_trusted_is_invalid(
    spoil: Callable[[Summary, Manifest], None],
) -> None:
    summary, run = clean_summary(windows=EQUAL), manifest()
    spoil(summary, run)
    assert judge(summary, run, policy()).outcome is Outcome.INVALID


@pytest.mark.parametrize("side", ["legacy", "candidate"])
@pytest.mark.parametrize(
    "change", [{"attached": False}, {"error": "refused"}, {"backlog": 5}, {"backlog": -1}]
)
def test_a_lame_tap_makes_a_run_invalid(side: str, change: dict[str, Any]) -> None:
    run = manifest()
    run.taps[side].update(change)
    found = judge(clean_summary(windows=EQUAL), run, policy())
    assert found.outcome is Outcome.INVALID
    assert any(reason.startswith(side) for reason in found.reasons)


def test_a_candidate_that_queues_nothing_fails_when_its_tap_is_sound() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.events = EventCounts(legacy=66_461, missing=66_461)
    summary.units.queue_mismatches = 45_000
    summary.causes = [cause(requests=45_000)]
    assert verdict(summary).outcome is Outcome.FAIL


def test_one_lost_event_is_vetoed_however_good_the_rate_is() -> None:
    summary = clean_summary(500_000, EQUAL)
    summary.units.queue_mismatches = 1
    summary.causes = [cause(requests=1)]
    found = verdict(summary)
    assert gate(found, "queue-agreement").finding.value == "PASS"
    assert found.outcome is Outcome.FAIL
    assert found.reasons[0].startswith("veto: 1 request has")


def test_an_accepted_cause_is_not_vetoed() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.causes = [cause(accepted="agreed with the owners")]
    assert verdict(summary).outcome is Outcome.PASS


def test_an_added_field_is_not_vetoed() -> None:
    summary = clean_summary(500_000, EQUAL)
    summary.causes = [cause(kind=Kind.FIELD_ADDED, requests=1)]
    summary.units.queue_mismatches = 1
    assert verdict(summary).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        (Coverage(min_distinct_requests=60_000), "10,000 more distinct requests"),
        (Coverage(min_seconds=9_999), "s of traffic seen"),
        (Coverage(tokens=41), "40 projects seen, 41 required"),
        (Coverage(top_token_share=0.02), "one project has 2.5%"),
    ],
)
def test_too_little_coverage_is_undecided(coverage: Coverage, said: str) -> None:
    rules = msgspec.structs.replace(policy(), coverage=coverage)
    found = verdict(clean_summary(windows=EQUAL), rules)
    assert found.outcome is Outcome.UNDECIDED
    assert said in found.reasons[0]


def test_requests_held_back_from_the_candidate_are_said() -> None:
    run = manifest()
    run.ledger["received"] = 60_000
    found = judge(clean_summary(windows=EQUAL), run, policy())
    assert found.outcome is Outcome.UNDECIDED
    assert "83.33% of the requests meant for the candidate" in found.reasons[0]


def test_a_quantile_that_is_too_thin_everywhere_keeps_the_gate_open() -> None:
    found = verdict(clean_summary(windows=equal_windows(requests=10)))
    assert found.outcome is Outcome.UNDECIDED
    assert "left out: p50, p90" in gate(found, "not-slower p50").note


def test_a_quantile_that_is_too_thin_is_dropped_and_said() -> None:
    found = verdict(clean_summary(windows=equal_windows(requests=100)))
    assert found.outcome is Outcome.PASS
    assert "left out: p90" in gate(found, "not-slower p50").note


def test_a_slower_candidate_fails() -> None:
    windows = equal_windows(60, slower=20.0)
    assert verdict(clean_summary(windows=windows)).outcome is Outcome.FAIL


def test_an_advisory_gate_does_not_decide() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.events = dataclasses.replace(summary.events, changed=5_000)
    found = verdict(summary)
    assert gate(found, "event-agreement").finding.value == "FAIL"
    assert found.outcome is Outcome.PASS


def test_events_in_clusters_weigh_less() -> None:
    text = load("demo")[1].replace('mode = "advise"', 'mode = "gate"\nmax_cluster = 50', 1)
    rules = msgspec.structs.replace(policy(), gate=_parsed(text).gate)
    found = verdict(clean_summary(windows=EQUAL), rules)
    assert gate(found, "event-agreement").n == 66_461 // 50
    assert found.outcome is Outcome.UNDECIDED


def _parsed(text: str) -> Policy:
    from compare.policy import parse

    return parse(text, "test")


@given(
    distinct=st.integers(0, 120_000),
    queue=st.integers(0, 40),
    answers=st.integers(0, 40),
    errors=st.integers(0, 40),
    which=st.sampled_from(["queue_mismatches", "response_mismatches", "candidate_errors"]),
    vetoed=st.booleans(),
)
def test_a_further_mismatch_never_improves_a_verdict(
    distinct: int, queue: int, answers: int, errors: int, which: str, vetoed: bool
) -> None:
    summary = clean_summary(distinct, EQUAL)
    units = summary.units
    units.queue_mismatches, units.response_mismatches = queue, answers
    units.candidate_errors = errors
    before = verdict(summary).outcome
    setattr(units, which, getattr(units, which) + 1)
    if vetoed:
        summary.causes = [cause(requests=1)]
    assert ORDER.index(verdict(summary).outcome) >= ORDER.index(before)


@given(st.integers(0, 120_000))
def test_nothing_compared_never_passes(distinct: int) -> None:
    summary = clean_summary(distinct, EQUAL)
    summary.events = EventCounts()
    assert verdict(summary).outcome is Outcome.INVALID
