"""What the mirroring cost the clients, in the report."""

import json
import re
from random import Random
from typing import Any

import msgspec
import pytest

from compare.judging.shadowtax import shadow_tax, shown
from compare.judging.validity import mirrored_share
from compare.policy.policy import load
from compare.render.as_json import render_json
from compare.render.json_schema import violations
from compare.render.page import render_page
from compare.render.schema import report_schema
from compare.render.testing import clean_summary, manifest
from compare.render.text import render_text
from compare.report import Report, report
from shadow.isolating.tax import Arms
from shadow.ledger import BUCKETS


def told(seed: int, tax: float = 1.1, requests: int = 20_000) -> dict[str, Any]:
    """Return what a proxy with a control arm of a fifth leaves in the manifest."""
    random, arms = Random(seed), Arms()
    for number in range(requests):
        control = random.random() < 0.2
        seconds = 0.010 * random.lognormvariate(0, 0.2) * (1 if control else tax)
        arms.add(control, seconds, number / 100)
    stored = {**arms.to_dict(), "control": 0.2, "by": "request"}
    return json.loads(json.dumps(stored))  # type: ignore[no-any-return]  # as from a file


def reported(*parts: dict[str, Any]) -> Report:
    policy, text = load("demo")
    one = msgspec.structs.replace(manifest(900), tax=list(parts))
    return report("runs/first", one, clean_summary(900), policy, text)


def test_a_run_without_a_control_arm_has_no_tax() -> None:
    assert shadow_tax([]) is None
    assert shadow_tax([{}, {"groups": "no"}]) is None
    assert "shadow tax" not in render_text(reported()).lower()
    assert json.loads(render_json(reported()))["latency"]["shadow_tax"] is None


def test_the_proxies_of_a_run_are_taken_together() -> None:
    one, both = shadow_tax([told(1)]), shadow_tax([told(1), told(2)])
    assert one is not None
    assert both is not None
    assert both["control"] + both["mirrored"] == 40_000
    assert one["control"] + one["mirrored"] == 20_000


def test_the_tax_is_told_with_its_interval() -> None:
    tax = shadow_tax([told(1)])
    assert tax is not None
    median = tax["quantiles"][0]
    assert median["name"] == "p50"
    assert 0 < median["low"] < 1.0 < median["high"] < 1.5
    assert 9.5 < median["without"] < 10.5


def test_text_page_and_data_tell_the_tax() -> None:
    made = reported(told(1))
    lines = shown(shadow_tax([told(1)]) or {})
    assert len(lines) == 3
    text = render_text(made)
    assert f"  shadow tax  {lines[0]}\n              {lines[1]}\n" in text
    assert max(map(len, text.splitlines())) <= 96
    assert lines[0] in render_page(made).replace("&#43;", "+")
    data = json.loads(render_json(made))
    assert data["latency"]["shadow_tax"]["by"] == "request"
    assert list(violations(data, report_schema())) == []


def test_too_little_is_said_to_be_too_little() -> None:
    tax = shadow_tax([told(1, requests=50)])
    assert tax is not None
    assert shown(tax)[0] == "not known: too few answers, or too short a time"


def test_a_tax_by_slices_says_so() -> None:
    tax = shadow_tax([{**told(1), "by": "slice"}])
    assert tax is not None
    assert shown(tax)[-1].endswith("drawn by slices of time")


@pytest.mark.parametrize("bucket", BUCKETS.values())
def test_the_ledger_that_is_printed_has_every_bucket_so_it_closes(bucket: str) -> None:
    policy, text = load("demo")
    counts = {"received": 1_900, bucket: 1_000, "mirrored": 900, "pending": 0, "remainder": 0}
    one = msgspec.structs.replace(manifest(900), ledger=counts)
    made = report("runs/first", one, clean_summary(900), policy, text)
    assert re.search(r"\n  [a-z ]+ +1,000\n", render_text(made))
    assert ">1,000<" in render_page(made)


@pytest.mark.parametrize("bucket", ["not_sampled", "control", "switched_off", "filtered", "alone"])
def test_what_was_never_meant_for_the_candidate_does_not_lower_the_share(bucket: str) -> None:
    assert mirrored_share({"received": 1_000, "mirrored": 900, bucket: 100}) == 1.0
