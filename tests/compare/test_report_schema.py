"""`report.json` is what `report.schema.json` says, and our own check is as strict as that."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from compare.render.as_json import render_json
from compare.render.json_schema import descriptions, json_schema, violations
from compare.render.schema import PATH, ReportData, report_schema, schema_text
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    equal_windows,
    report_of,
)
from compare.stages.tally import Summary

SCHEMA = json.loads(PATH.read_bytes())
VALIDATOR = Draft202012Validator(SCHEMA)


def few() -> Summary:
    return clean_summary(900)


def empty() -> Summary:
    return clean_summary(0, equal_windows(0, requests=0))


def accepted() -> Summary:
    summary = clean_summary()
    summary.causes = [cause(accepted="agreed", also=("c0ffee123456",), quirk=None)]
    return summary


RUNS = {
    "PASS": clean_summary,
    "FAIL": differing_summary,
    "UNDECIDED": few,
    "INVALID": empty,
}


def data(summary: Summary) -> Any:
    return json.loads(render_json(report_of(summary)))


def test_the_shipped_schema_is_the_one_that_the_types_give() -> None:
    assert PATH.read_text() == schema_text(), "run: python -m compare.render.schema"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("outcome", RUNS)
def test_a_report_of_each_verdict_is_what_the_schema_says(outcome: str) -> None:
    told = data(RUNS[outcome]())
    assert told["verdict"]["outcome"] == outcome
    assert [error.message for error in VALIDATOR.iter_errors(told)] == []
    assert list(violations(told, SCHEMA)) == []


@pytest.mark.parametrize("make", [accepted, differing_summary])
def test_reports_with_causes_are_too(make: Callable[[], Summary]) -> None:
    assert not list(VALIDATOR.iter_errors(data(make())))


def test_a_field_that_the_schema_does_not_know_is_an_error() -> None:
    for path in ([], ["verdict"], ["gates", 0], ["causes", 0, "examples", 0], ["latency"]):
        told = data(differing_summary())
        inner = told
        for step in path:
            inner = inner[step]
        inner["forgotten"] = 1
        assert list(VALIDATOR.iter_errors(told)), path
        assert any("forgotten: unknown" in one for one in violations(told, SCHEMA)), path


def test_every_object_of_ours_is_closed_and_complete() -> None:
    for name, schema in SCHEMA["$defs"].items():
        assert schema["additionalProperties"] is False, name
        assert schema["required"] == list(schema["properties"]), name


def test_most_fields_are_described() -> None:
    gate = SCHEMA["$defs"]["GateResult"]["properties"]
    assert gate["estimate"]["description"] == "The observed rate; 0 when there are no units."
    assert "valid at any look" in gate["bound"]["description"]


def test_the_report_has_no_key_beside_those_of_its_type() -> None:
    assert list(data(clean_summary())) == list(ReportData.__annotations__)


PLACES: list[list[str | int]] = [
    ["schema"],
    ["verdict", "outcome"],
    ["verdict", "needs_more"],
    ["gates"],
    ["gates", 0, "bound"],
    ["gates", 0, "n"],
    ["gates", 0, "advisory"],
    ["causes", 0, "also"],
    ["causes", 0, "examples", 0, "legacy"],
    ["causes", 1, "examples", 0, "differences", 0, "kind"],
    ["differences"],
    ["latency", "legacy", "p99.9"],
    ["coverage", "endpoints"],
    ["provenance", "taps"],
    ["provenance", "policy_text"],
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("ab1", max_size=3),
    st.sampled_from(["PASS", "mixmigrate-report/1", "missing"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text("ab", max_size=3), st.one_of(st.integers(), st.just("a")), max_size=2),
)
FAILING = json.dumps(data(differing_summary()))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_our_check_and_the_validator_agree(place: list[str | int], value: object) -> None:
    told = inner = json.loads(FAILING)
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert bool(list(violations(told, SCHEMA))) == (not VALIDATOR.is_valid(told))


@dataclass
class Odd:
    """A record."""

    pair: tuple[int, str]
    """Two
    things."""
    inner: "Odd | None"


def test_fixed_tuples_and_records_within_themselves_are_described() -> None:
    schema = json_schema(Odd)
    good = {"pair": [1, "a"], "inner": {"pair": [2, "b"], "inner": None}}
    assert Draft202012Validator(schema).is_valid(good)
    assert not list(violations(good, schema))
    for bad in ([], [1], [1, 2], [1, "a", 3]):
        told = {"pair": bad, "inner": None}
        assert not Draft202012Validator(schema).is_valid(told)
        assert list(violations(told, schema))


def test_docstrings_below_fields_are_their_descriptions() -> None:
    assert descriptions(Odd) == {"pair": "Two things."}


def test_a_type_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="no counterpart"):
        json_schema(set)


def test_the_schema_is_made_anew_each_time() -> None:
    assert report_schema() == report_schema()
