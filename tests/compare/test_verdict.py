"""Verdicts: what passes, what cannot, and that a mismatch never helps."""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.differing.difference import Kind
from compare.judging.verdict import GateResult, Outcome, Verdict, judge
from compare.policy.policy import Coverage, Policy, load, parse
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    equal_windows,
    manifest,
    policy,
)
from compare.stages.tally import EventCounts, Summary
from shadow.runs.manifest import Manifest

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
    "change",
    [
        {"attached": False},
        {"error": "refused"},
        {"backlog": 5},
        {"backlog": -1},
        {"lost": 3},
        {"missed": ["file:q: was cut short"]},
    ],
)
def test_a_lame_tap_makes_a_run_invalid(side: str, change: dict[str, Any]) -> None:
    run = manifest()
    run.taps[side].update(change)
    found = judge(clean_summary(windows=EQUAL), run, policy())
    assert found.outcome is Outcome.INVALID
    assert any(reason.startswith(side) for reason in found.reasons)


def test_a_legacy_queue_that_threw_events_away_leaves_the_run_undecided() -> None:
    run = manifest()
    run.taps["legacy"]["discarded"] = 12
    found = judge(clean_summary(windows=EQUAL), run, policy())
    assert found.outcome is Outcome.UNDECIDED
    assert any("threw away 12 events" in reason for reason in found.reasons)


def test_a_bounded_quarantine_is_only_noted() -> None:
    run = manifest()
    run.taps["candidate"]["discarded"] = 12
    found = judge(clean_summary(windows=EQUAL), run, policy())
    assert found.outcome is Outcome.PASS
    assert any("candidate's queue threw away 12" in note for note in found.notes)


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
    rules = msgspec.structs.replace(policy(), gate=parse(text, "test").gate)
    found = verdict(clean_summary(windows=EQUAL), rules)
    assert gate(found, "event-agreement").n == 66_461 // 50
    assert found.outcome is Outcome.UNDECIDED


def changed(old: str, new: str, name: str = "demo") -> Policy:
    """Return a built-in policy with one place of its text changed."""
    text = load(name)[1]
    assert old in text
    return parse(text.replace(old, new, 1), "test")


@pytest.mark.parametrize(("wish", "code"), [("exit-3", 3), ("pass", 0), ("fail", 1)])
def test_a_policy_chooses_the_exit_code_of_undecided_and_not_the_verdict(
    wish: str, code: int
) -> None:
    rules = changed("beta = 0.05", f'beta = 0.05\non_undecided = "{wish}"')
    found = verdict(clean_summary(40_000, EQUAL), rules)
    assert (found.outcome, found.exit_code) == (Outcome.UNDECIDED, code)
    assert verdict(clean_summary(windows=EQUAL), rules).exit_code == 0
    assert verdict(differing_summary(), rules).exit_code == 1


@pytest.mark.parametrize(("distinct", "final"), [(45_999, False), (46_000, True)])
def test_undecided_is_final_after_so_many_requests(distinct: int, final: bool) -> None:
    rules = changed("beta = 0.05", "beta = 0.05\nmax_requests = 46_000")
    summary = clean_summary(distinct, EQUAL)
    summary.units.queue_mismatches = 1
    found = verdict(summary, rules)
    assert (found.outcome, found.final) == (Outcome.UNDECIDED, final)
    assert ("undecided for good" in found.reasons[0]) is final


def test_a_pass_after_so_many_requests_is_still_a_pass() -> None:
    rules = changed("beta = 0.05", "beta = 0.05\nmax_requests = 46_000")
    assert verdict(clean_summary(windows=EQUAL), rules).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("attempt", "least"), [(1, 53_754), (2, 66_893), (3, 74_955)], ids=["first", "second", "third"]
)
def test_a_spent_alpha_takes_more_at_each_attempt(attempt: int, least: int) -> None:
    rules = changed("beta = 0.05", f'beta = 0.05\nattempts = "spend"\nattempt = {attempt}')
    assert verdict(clean_summary(least, equal_windows()), rules).outcome is Outcome.PASS
    short = verdict(clean_summary(least - 1, equal_windows()), rules)
    assert short.outcome is Outcome.UNDECIDED


def test_a_claim_names_the_confidence_of_its_own_attempt() -> None:
    rules = changed("beta = 0.05", 'beta = 0.05\nattempts = "spend"')
    assert "97.5 % confidence" in verdict(clean_summary(60_000, EQUAL), rules).claim


def test_a_further_attempt_at_the_whole_alpha_is_said() -> None:
    rules = changed("beta = 0.05", "beta = 0.05\nattempt = 4")
    assert verdict(clean_summary(windows=EQUAL), rules).notes[0].startswith("attempt 4, each")


@pytest.mark.parametrize(
    ("seen", "wrong", "finding"),
    [(0, 0, "UNDECIDED"), (451, 0, "UNDECIDED"), (452, 0, "PASS"), (452, 30, "FAIL")],
)
def test_a_gate_may_count_projects(seen: int, wrong: int, finding: str) -> None:
    summary = clean_summary(windows=EQUAL)
    summary.units.tokens_seen, summary.units.tokens_mismatching = seen, wrong
    found = gate(verdict(summary), "projects-clean")
    assert (found.unit, found.finding.value) == ("projects", finding)


def test_a_gate_may_count_the_events_of_one_stratum() -> None:
    stratum = '[[gate.rate]]\nname = "batches"\ncounts = "events"\ntarget = 0.99\n'
    rules = changed("[gate.latency]", f'{stratum}stratum = "2-10"\n[gate.latency]')
    summary = clean_summary(windows=EQUAL)
    assert gate(verdict(summary, rules), "batches").n == 0
    summary.strata = {"1": (50_000, 50_000), "2-10": (4_520, 0)}
    found = gate(verdict(summary, rules), "batches")
    assert (found.n, found.finding.value) == (452, "PASS")


def test_a_category_vetoes_each_of_its_kinds() -> None:
    rules = changed('kinds = ["missing", "duplicate_lost", "truncated"]', 'categories = ["field"]')
    summary = clean_summary(500_000, EQUAL)
    summary.causes = [cause(kind=Kind.FIELD_ADDED, requests=1)]
    found = verdict(summary, rules)
    assert found.reasons == ("veto: 1 request has differences of kind field that nobody accepted",)


def test_unseen_traffic_holds_the_verdict_once_somebody_estimated_it() -> None:
    rules = msgspec.structs.replace(policy(), coverage=Coverage(max_unseen=0.01))
    summary = clean_summary(windows=EQUAL)
    assert verdict(summary, rules).outcome is Outcome.PASS
    assert any("max_unseen is not checked" in note for note in verdict(summary, rules).notes)
    summary.unseen_bound = 0.02
    found = verdict(summary, rules)
    assert found.outcome is Outcome.UNDECIDED
    assert "up to 2.00% of further traffic" in found.reasons[0]
    summary.unseen_bound = 0.01
    assert verdict(summary, rules).outcome is Outcome.PASS
    summary.unseen, summary.unseen_bound = 0.9, 1.0
    assert verdict(summary, rules).outcome is Outcome.UNDECIDED


def test_rare_kinds_of_client_are_listed_and_hold_nothing() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.dialects = {"mp_lib": {"python": 29, "web": 30}, "charset": {"beyond the BMP": 3}}
    found = verdict(summary)
    assert found.outcome is Outcome.PASS
    assert "under 30 requests seen of: charset beyond the BMP, mp_lib python" in found.notes


WINDOWS = (
    equal_windows(100, requests=50),
    equal_windows(95, requests=50),
    equal_windows(25, requests=50, slower=20.0),
    equal_windows(9, requests=10),
)
DEFAULT = policy("default")


KINDS = st.one_of(st.sampled_from([Kind.MISSING, Kind.TRUNCATED]), st.sampled_from(Kind))


@st.composite
def summaries(draw: st.DrawFn) -> Summary:
    """Return a summary of a run, clean or not, under which events flowed."""
    # Mostly none: a run with many mismatches fails anyway, and can get no worse.
    number = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 2, 5, 40])
    summary = clean_summary(
        draw(st.sampled_from([40_000, 60_000, 200_000, 1_000_000])), draw(st.sampled_from(WINDOWS))
    )
    units, events = summary.units, summary.events
    units.queue_mismatches, units.response_mismatches = draw(number), draw(number)
    units.candidate_errors = draw(number)
    units.tokens_seen, units.tokens_mismatching = draw(st.sampled_from([61, 2_000])), draw(number)
    summary.strata = {"1": (draw(st.integers(61, 9_999)), draw(number))}
    events.changed, events.missing, events.extra = draw(number), draw(number), draw(number)
    if draw(st.booleans()):
        summary.unseen_bound = draw(st.sampled_from([0.01, 0.03, 0.2]))
    if draw(st.integers(0, 3)) == 3:
        summary.causes = [cause(kind=draw(KINDS), requests=draw(st.integers(0, 2)))]
    return summary


def one_more(summary: Summary, how: str, kind: Kind) -> None:
    """Let one thing that agreed mismatch."""
    units, events = summary.units, summary.events
    if how == "event":
        events.identical, events.changed = events.identical - 1, events.changed + 1
    elif how == "stratum":
        n, bad = summary.strata["1"]
        summary.strata["1"] = (n, bad + 1)
    elif how == "cause":
        summary.causes = [*summary.causes, cause(kind=kind, requests=1, signature="0" * 12)]
    else:
        setattr(units, how, getattr(units, how) + 1)


WAYS = ("queue_mismatches", "response_mismatches", "candidate_errors", "tokens_mismatching")
STRATA = '[[gate.rate]]\nname = "s"\ncounts = "events"\ntarget = 0.99\nstratum = "1"\n'
STRICT = parse(
    load("default")[1].replace('mode = "advise"', 'mode = "gate"\nmax_cluster = 2', 1)
    .replace('mode = "advise"', 'mode = "gate"', 1)
    .replace("[gate.latency]", f"{STRATA}[gate.latency]"),
    "strict",
)  # fmt: skip


@pytest.mark.parametrize("rules", [DEFAULT, STRICT, policy()], ids=["default", "strict", "demo"])
@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    summary=summaries(),
    how=st.sampled_from([*WAYS, "event", "stratum", "cause", "cause"]),
    kind=KINDS,
    times=st.integers(1, 7),
)
def test_a_further_mismatch_never_improves_a_verdict(
    rules: Policy, summary: Summary, how: str, kind: Kind, times: int
) -> None:
    before = verdict(summary, rules)
    for _ in range(times):
        one_more(summary, how, kind)
        after = verdict(summary, rules)
        assert ORDER.index(after.outcome) >= ORDER.index(before.outcome)
        for old, new in zip(before.gates, after.gates, strict=True):
            assert ORDER.index(Outcome(new.finding)) >= ORDER.index(Outcome(old.finding))
            assert new.e_pass <= old.e_pass + 1e-9
        before = after


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 120_000))
def test_nothing_compared_never_passes(distinct: int) -> None:
    summary = clean_summary(distinct, EQUAL)
    summary.events = EventCounts()
    assert verdict(summary).outcome is Outcome.INVALID
