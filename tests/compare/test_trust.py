"""`[validity]`: what makes a measurement worthless, and what is only not told."""

from typing import Any

import msgspec
import pytest

from compare.judging.trust import Load, checks, is_closed, load_of
from compare.judging.verdict import Outcome, Verdict, judge
from compare.policy.policy import NoiseRules, Validity
from compare.render.testing import clean_summary, equal_windows, manifest, policy
from compare.stages.tally import Summary
from shadow.runs.manifest import Manifest

EQUAL = equal_windows()


class Told(Manifest, kw_only=True):
    """A manifest that says how the load was made."""

    load: Any = None


def told(load: Any, notes: tuple[str, ...] = ()) -> Manifest:
    fields = msgspec.structs.asdict(manifest())
    return Told(**{**fields, "load": load, "notes": list(notes)})


def verdict(summary: Summary, load: Any = None, **asked: Any) -> Verdict:
    rules = msgspec.structs.replace(policy("demo"), validity=Validity(**asked))
    return judge(summary, told(load), rules)


@pytest.mark.parametrize(
    ("load", "outcome"),
    [
        ({"lag_p99_ms": 5.0}, Outcome.PASS),
        ({"lag_p99_ms": 5.1}, Outcome.INVALID),
        ({"planned": 10_000, "dropped": 10}, Outcome.PASS),
        ({"planned": 10_000, "dropped": 11}, Outcome.INVALID),
        ({"planned": 0, "dropped": 0}, Outcome.PASS),
        ({"dropped": 11}, Outcome.PASS),
        ({"mode": "open"}, Outcome.PASS),
        ("open", Outcome.PASS),
    ],
)
def test_a_load_that_was_not_as_planned_makes_a_run_invalid(load: Any, outcome: Outcome) -> None:
    assert verdict(clean_summary(windows=EQUAL), load).outcome is outcome


@pytest.mark.parametrize(("late", "outcome"), [(66, Outcome.PASS), (67, Outcome.INVALID)])
def test_late_pairs_are_a_share_of_the_events_of_legacy(late: int, outcome: Outcome) -> None:
    summary = clean_summary(windows=EQUAL)
    summary.late = late
    assert verdict(summary).outcome is outcome


@pytest.mark.parametrize("field", ["legacy_errors", "set_aside"])
def test_a_legacy_that_fails_makes_a_run_invalid_and_no_mismatch(field: str) -> None:
    summary = clean_summary(windows=EQUAL)
    setattr(summary.units, field, 500)
    assert verdict(summary).outcome is Outcome.PASS
    setattr(summary.units, field, 600)
    found = verdict(summary)
    assert found.outcome is Outcome.INVALID
    assert found.reasons[0].startswith("requests that legacy failed: 1.")
    assert all(gate.mismatches == 0 for gate in found.gates if gate.unit == "distinct requests")


def test_requests_set_aside_are_said() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.units.set_aside = 7
    assert any("7 distinct requests that legacy did not answer" in note for note in _notes(summary))


@pytest.mark.parametrize(
    ("requests", "outcome"),
    [(0, Outcome.INVALID), (2_994, Outcome.INVALID), (2_995, Outcome.PASS)],
)
def test_a_policy_may_require_a_calibration(requests: int, outcome: Outcome) -> None:
    rules = msgspec.structs.replace(
        policy("demo"),
        validity=Validity(require_calibration=True),
        noise=NoiseRules(calibrated_requests=requests),
    )
    assert judge(clean_summary(windows=EQUAL), manifest(), rules).outcome is outcome


def test_what_a_run_does_not_tell_is_noted_and_not_invented() -> None:
    (note,) = [one for one in _notes(clean_summary(windows=EQUAL)) if "not told" in one]
    assert note.endswith("late events, lag of the load, p99, requests not sent")


def test_nothing_is_noted_when_the_run_tells_all() -> None:
    summary = clean_summary(windows=EQUAL)
    summary.late = 0
    run = told({"mode": "open", "lag_p99_ms": 0.4, "planned": 50_000, "dropped": 0})
    assert all(check.seen is not None for check in checks(summary, run, policy()))
    assert not [note for note in judge(summary, run, policy()).notes if "not told" in note]


@pytest.mark.parametrize(
    ("load", "notes", "closed"),
    [
        ("closed", (), True),
        ({"mode": "closed"}, (), True),
        ({"mode": "open"}, ("closed loop",), False),
        (None, ("closed loop, 4 processes of 25 workers",), True),
        (None, ("Load: closed",), True),
        (None, ("an open load, no closed loop",), False),
        (None, (), False),
        ({}, (), False),
        (5, (), False),
    ],
)
def test_a_closed_loop_is_told_by_the_manifest_or_a_note(
    load: Any, notes: tuple[str, ...], closed: bool
) -> None:
    assert is_closed(told(load, notes)) is closed


def test_a_manifest_that_says_nothing_of_its_load_is_no_error() -> None:
    assert load_of(manifest()) == Load()


def test_in_a_closed_loop_latency_only_advises() -> None:
    summary = clean_summary(windows=equal_windows(60, slower=20.0))
    assert verdict(summary, "open").outcome is Outcome.FAIL
    found = verdict(summary, "closed")
    assert found.outcome is Outcome.PASS
    assert all(gate.advisory for gate in found.gates if gate.unit == "windows")
    assert found.notes[0] == (
        "the load was a closed loop: the latency gates advise and decide nothing"
    )


def _notes(summary: Summary) -> tuple[str, ...]:
    return judge(summary, manifest(), policy()).notes
