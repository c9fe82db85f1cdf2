"""The rules as data: each is there, does what its example shows, and is on the page for users."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.examples import NOW, SETTINGS, shown
from pyingest.cleaning.listing import table
from pyingest.cleaning.record import Circumstances, Cleaned
from pyingest.cleaning.rules import RULES, Rule
from pyingest.routing import Endpoint

PAGE = Path(__file__).parents[3] / "docs" / "cleaning.md"


def test_every_rule_is_there_in_its_order() -> None:
    assert [rule.number for rule in RULES] == [f"C{index}" for index in range(1, 37)]
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_a_rule_does_what_its_example_shows(rule: Rule) -> None:
    wanted, result = rule.example.after, shown(rule.example)
    if wanted.startswith("{"):
        assert json.loads(result) == json.loads(wanted)
    else:
        assert result == wanted


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_a_rule_says_its_number_what_it_does_and_where_it_comes_from(rule: Rule) -> None:
    assert (rule.function.__doc__ or "").startswith(f"{rule.number}. ")
    assert rule.summary.endswith(".")
    assert len(rule.source) > 5


def test_the_page_for_users_has_the_rules_as_they_are() -> None:
    # To renew it: python -c "from pyingest.cleaning.listing import table; print(table())"
    assert table() in PAGE.read_text()


def test_the_record_on_the_page_becomes_what_the_page_says() -> None:
    sent, stored = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    here = Circumstances(Endpoint.TRACK, NOW, "203.0.113.9", use_address=True, request_id="r1")
    outcome = clean(json.loads(sent), here, replace(SETTINGS, locate=None))
    assert isinstance(outcome, Cleaned)
    assert json.loads(outcome.body) == json.loads(stored)


def test_every_setting_is_on_the_page() -> None:
    settings = {field.name for field in fields(SETTINGS)} - {"new_id"}
    section = PAGE.read_text().partition("## Settings")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == settings
