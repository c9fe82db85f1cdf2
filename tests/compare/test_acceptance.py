"""Accepted differences: which they cover, and what is said of those that are wrong."""

import datetime
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.differing.difference import Kind
from compare.judging.verdict import Outcome, Verdict, judge
from compare.policy.acceptance import State, Waiver, acceptances, day_of, path_pattern, states
from compare.policy.accepted import Accepted, Accepting
from compare.policy.condition import ConditionError, condition
from compare.policy.policy import Policy, PolicyError, examine, load, parse
from compare.render.testing import CREATED, cause, clean_summary, manifest, policy
from compare.stages.tally import Summary

LAST = datetime.date(2027, 1, 1)
SIGNATURE = "3f2a90c1d4e5"
TODAY = day_of(CREATED)


class Stated:
    """A stand-in for an expression: it holds when the request's ``lib`` is its text."""

    roots = ("request",)

    def __init__(self, text: str) -> None:
        self.text = text

    def holds(self, record: Mapping[str, object]) -> bool:
        if self.text == "fails":
            raise StandInError("cannot be evaluated")
        request = record.get("request")
        return isinstance(request, Mapping) and request.get("lib") == self.text


class StandInError(Exception):
    """What the stand-in language raises."""


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tiny language where the expressions will be."""

    def parsed(text: str) -> Stated:
        if "?" in text:
            raise StandInError(f"unexpected '?'\n  {text}\n  {' ' * text.index('?')}^")
        return Stated(text)

    module: Any = ModuleType("compare.expression.parsing")
    module.parse, module.ExpressionError = parsed, StandInError
    monkeypatch.setitem(sys.modules, "compare.expression", ModuleType("compare.expression"))
    monkeypatch.setitem(sys.modules, "compare.expression.parsing", module)


def entry(**changes: Any) -> Accepted:
    given = {"reason": "agreed", "by": "ann", "until": LAST, "signature": SIGNATURE}
    return Accepted(**{**given, **changes})


def where(text: str = "iphone", **changes: Any) -> Accepted:
    return entry(signature="", where=text, **changes)


def rules(*entries: Accepted, **asked: Any) -> Policy:
    return msgspec.structs.replace(policy(), accept=entries, accepting=Accepting(**asked))


def waiver(*entries: Accepted) -> Waiver:
    return Waiver(acceptances(rules(*entries), TODAY))


def record(kind: Kind = Kind.TYPE, path: str = "properties.a", lib: str = "iphone") -> Any:
    difference = {"kind": kind.value, "path": path, "legacy": "1", "candidate": "2"}
    return {"request": {"lib": lib}, "diff": [difference]}


def judged(summary: Summary, *entries: Accepted, **asked: Any) -> Verdict:
    return judge(summary, manifest(summary.units.mirrored), rules(*entries, **asked))


def test_a_signature_covers_its_own_cause_and_no_other() -> None:
    asked = waiver(entry())
    assert asked.accepts(record(), SIGNATURE) == SIGNATURE
    assert asked.accepts(record(), "0" * 12) is None


@pytest.mark.usefixtures("language")
def test_an_expression_covers_what_it_is_true_of() -> None:
    asked = waiver(where())
    key = asked.accepts(record(), SIGNATURE)
    assert key is not None
    assert key.startswith("where:")
    assert asked.accepts(record(lib="python"), SIGNATURE) is None


@pytest.mark.usefixtures("language")
def test_what_an_expression_asks_about_is_told() -> None:
    assert waiver(entry()).roots == {"diff"}
    assert waiver(entry(), where()).roots == {"diff", "request"}


@pytest.mark.usefixtures("language")
def test_an_expression_that_cannot_be_evaluated_accepts_nothing() -> None:
    assert waiver(where("fails")).accepts(record(lib="fails"), SIGNATURE) is None


@pytest.mark.usefixtures("language")
def test_the_first_acceptance_that_covers_a_difference_has_it() -> None:
    assert waiver(where(), entry()).accepts(record(), SIGNATURE) == where().key
    assert waiver(entry(), where()).accepts(record(), SIGNATURE) == SIGNATURE


@pytest.mark.usefixtures("language")
def test_the_key_of_an_expression_is_that_of_its_text_alone() -> None:
    one, other = where(reason="a", by="b"), where(reason="c")
    assert one.key == other.key == "where:241c1e30ed88"
    assert where("android").key != one.key


@pytest.mark.parametrize(
    ("narrowing", "covered"),
    [
        ({"kinds": ("type",)}, True),
        ({"kinds": ("missing", "type")}, True),
        ({"kinds": ("missing",)}, False),
        ({"path": "properties.a"}, True),
        ({"path": "properties.*"}, True),
        ({"path": "*"}, True),
        ({"path": "properties"}, False),
        ({"path": "properties.b*"}, False),
    ],
)
def test_kinds_and_path_narrow(narrowing: dict[str, Any], covered: bool) -> None:
    found = waiver(entry(**narrowing)).accepts(record(), SIGNATURE)
    assert found == (SIGNATURE if covered else None)


@given(st.text(alphabet="a.[]*$?", max_size=8))
def test_a_path_without_a_star_matches_itself_only(path: str) -> None:
    plain = path.replace("*", "")
    assert path_pattern(plain).fullmatch(plain)
    assert not path_pattern(plain).fullmatch(plain + "x")


def test_an_expired_acceptance_covers_nothing() -> None:
    late = entry(until=TODAY - datetime.timedelta(1))
    assert waiver(late).accepts(record(), SIGNATURE) is None
    assert waiver(entry(until=TODAY)).accepts(record(), SIGNATURE) == SIGNATURE


@pytest.mark.parametrize(
    ("changes", "requests", "distinct", "state"),
    [
        ({}, 0, 50_000, State.STALE),
        ({}, 1, 50_000, State.USED),
        ({}, 500, 50_000, State.USED),
        ({}, 501, 50_000, State.OVER_BROAD),
        ({}, 1, 10, State.USED),
        ({}, 2, 10, State.OVER_BROAD),
        ({"at_most": 3}, 3, 50_000, State.USED),
        ({"at_most": 3}, 4, 50_000, State.OVER_BROAD),
        ({"at_most": 1.0}, 50_000, 50_000, State.USED),
        ({"until": datetime.date(2026, 1, 1)}, 0, 50_000, State.EXPIRED),
        ({"until": datetime.date(2026, 1, 1)}, 5_000, 50_000, State.EXPIRED),
    ],
)
def test_the_state_of_an_acceptance(
    changes: dict[str, Any], requests: int, distinct: int, state: State
) -> None:
    (found,) = states(rules(entry(**changes)), {SIGNATURE: requests}, distinct, TODAY)
    assert (found.state, found.requests) == (state, requests)


def test_a_limit_for_all_counts_where_an_entry_gives_none() -> None:
    asked = rules(entry(), at_most=2)
    (found,) = states(asked, {SIGNATURE: 3}, 50_000, TODAY)
    assert (found.state, found.limit) == (State.OVER_BROAD, 2)


def test_a_stale_acceptance_fails_a_run_that_is_clean() -> None:
    found = judged(clean_summary(), entry())
    assert found.outcome is Outcome.FAIL
    assert found.reasons == (
        f"acceptance: {SIGNATURE} (agreed) is stale: nothing matched it; remove it",
    )


def test_an_over_broad_acceptance_fails_a_run() -> None:
    summary = clean_summary()
    summary.causes = [cause(requests=600, accepted="agreed")]
    found = judged(summary, entry())
    assert found.outcome is Outcome.FAIL
    assert "covers 600 distinct requests, 500 allowed" in found.reasons[0]


@pytest.mark.parametrize("requests", [0, 600])
def test_a_policy_can_make_it_a_warning(requests: int) -> None:
    summary = clean_summary()
    summary.accepted = {SIGNATURE: requests}
    found = judged(summary, entry(), stale="warn", over_broad="warn")
    assert found.outcome is Outcome.PASS
    assert SIGNATURE in found.notes[0]


def test_an_expired_acceptance_is_said_and_fails_nothing() -> None:
    found = judged(clean_summary(), entry(until=datetime.date(2026, 1, 1)))
    assert found.outcome is Outcome.PASS
    assert "expired on 2026-01-01" in found.notes[0]


@pytest.mark.usefixtures("language")
def test_the_requests_of_an_expression_come_from_the_summary() -> None:
    summary = clean_summary()
    summary.accepted = {where().key: 7}
    found = judged(summary, where())
    assert [(one.state, one.requests) for one in found.acceptances] == [(State.USED, 7)]
    assert found.outcome is Outcome.PASS


TEXT = load("default")[1]
HEAD = '\n[[accept]]\nreason = "r"\nby = "b"\nuntil = 2027-01-01\n'


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "either signature or where, and not both"),
        (f'signature = "{SIGNATURE}"\nwhere = "iphone"\n', "and not both"),
        (f'signature = "{SIGNATURE}"\nkinds = ["mising"]\n', "'mising' is not allowed"),
        (f'signature = "{SIGNATURE}"\nat_most = 0\n', "accept[1].at_most: must be"),
        (f'signature = "{SIGNATURE}"\nat_most = 1.5\n', "accept[1].at_most: must be"),
        ('where = ""\n', "accept[1].where: must be"),
    ],
)
@pytest.mark.usefixtures("language")
def test_an_entry_that_says_too_little_or_too_much_is_refused(keys: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(TEXT + HEAD + keys, "mine.toml")
    assert said in str(caught.value)


@pytest.mark.usefixtures("language")
def test_a_wrong_expression_is_shown_with_a_caret_below_the_place() -> None:
    found, troubles = examine(TEXT + HEAD + 'where = "a ? b"\n')
    assert found is None
    line = (TEXT + HEAD).count("\n") + 1
    assert troubles[0].startswith(f"line {line}: accept[1].where: not an expression:")
    assert troubles[0].endswith("\n  a ? b\n    ^")


@pytest.mark.usefixtures("language")
def test_an_expression_is_there_once() -> None:
    twice = (HEAD + 'where = "iphone"\n') * 2
    with pytest.raises(PolicyError, match="more than once"):
        parse(TEXT + twice, "mine.toml")


def test_a_version_without_expressions_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Callable[[str], None] = _not_found
    monkeypatch.setattr("compare.policy.condition.import_module", missing)
    with pytest.raises(ConditionError, match="has no expressions"):
        condition("true")


def _not_found(name: str) -> None:
    raise ModuleNotFoundError(name, name=name)
