"""Rules of the configuration: which requests are mirrored."""

import base64
import json
from typing import Any

import msgspec
import pytest

from pyingest.message import Request
from pyingest.serving.reading import SettingsError
from shadow.isolating.rules import Rules, rules_of
from shadow.isolating.settings import Isolating, RuleSettings


def rules(*tables: dict[str, Any]) -> Rules:
    """Return the rules of a file that holds *tables* under ``[[rules]]``."""
    settings = msgspec.convert({"rules": list(tables)}, Isolating)
    return rules_of(settings.rules, "mixmigrate.toml")


def event(token: str) -> bytes:
    data = json.dumps({"event": "e", "properties": {"token": token, "distinct_id": "d"}})
    return b"data=" + base64.b64encode(data.encode())


TRACK = Request(b"GET", b"/track/?" + event("tok"), ((b"User-Agent", b"Mozilla/5.0 (bot)"),))


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"method": "GET"}, True),
        ({"method": ["POST", "GET"]}, True),
        ({"method": "POST"}, False),
        ({"path": "/track/"}, True),
        ({"path": "/track"}, False),
        ({"path": ["/engage", "/track/"]}, True),
        ({"prefix": "/tr"}, True),
        ({"prefix": "/en"}, False),
        ({"regex": "^/(track|engage)/?$"}, True),
        ({"regex": "^/en"}, False),
        ({"endpoint": "track"}, True),
        ({"endpoint": ["engage", "groups"]}, False),
        ({"token": "tok"}, True),
        ({"token": ["other", "another"]}, False),
        ({"header": {"user-agent": "bot"}}, True),
        ({"header": {"User-Agent": "^bot"}}, False),
        ({"header": {"Cookie": ""}}, False),
        ({"header": {"USER-AGENT": ""}}, True),
        ({"method": "GET", "token": "tok", "endpoint": "track"}, True),
        ({"method": "GET", "token": "other", "endpoint": "track"}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_rule_matches_if_all_that_it_names_holds(
    condition: dict[str, Any], matches: bool
) -> None:
    assert (rules(condition).first(TRACK) is not None) is matches


@pytest.mark.parametrize(
    "target", [b"/track", b"//track", b"/%74rack", b"http://host/track", b"/track?path=/engage"]
)
def test_the_path_is_taken_as_legacy_reads_it(target: bytes) -> None:
    assert rules({"path": "/track"}).first(Request(b"GET", target)) is not None


def test_the_endpoint_may_stand_behind_any_prefix() -> None:
    for path in (b"/track", b"/track/", b"/api/v2/track/"):
        assert rules({"endpoint": "track"}).first(Request(b"GET", path)) is not None
    assert rules({"endpoint": "track"}).first(Request(b"GET", b"/track/more")) is None


def test_the_first_rule_that_matches_decides_and_is_counted() -> None:
    made = rules(
        {"name": "robots", "header": {"user-agent": "bot"}},
        {"name": "gets", "method": "GET", "action": "mirror"},
        {"name": "rest", "action": "sample", "share": 0.1},
    )
    plain = Request(b"GET", b"/track")
    post = Request(b"POST", b"/track")
    shares = [rule.share for one in (TRACK, plain, plain, post) if (rule := made.first(one))]
    assert shares == [None, 1.0, 1.0, 0.1]
    assert made.counts() == {"robots": 1, "gets": 2, "rest": 1}


def test_a_rule_without_a_name_is_called_by_its_number() -> None:
    assert rules({"method": "GET"}, {"method": "POST"}).counts() == {"1": 0, "2": 0}


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([{"method": "get"}], "rules[1]: method: 'get' is no method; write it as GET or POST"),
        ([{"path": "track"}], "path: 'track' does not begin with /"),
        ([{"prefix": ["/a", "b"]}], "prefix: 'b' does not begin with /"),
        ([{"regex": "("}], "regex: '(' is no regular expression"),
        ([{"header": {"a b": "x"}}], "header: 'a b' is no name of a header"),
        ([{"header": {"a": "["}}], "header.a: '[' is no regular expression"),
        ([{"endpoint": "decide"}], "endpoint: 'decide' is none; allowed: track, engage"),
        ([{"action": "sample"}], "share: is missing"),
        ([{"action": "skip", "share": 0.5}], 'goes only with action = "sample"'),
        ([{"token": ""}], "token: holds an empty text"),
        ([{"path": ""}], "path: '' does not begin with /"),
        (
            [{"name": "a", "method": "GET"}, {"name": "a", "method": "POST"}],
            "rules[2] (a): name: 'a' is taken",
        ),
        (
            [{"name": "all"}, {"name": "late", "method": "GET"}],
            "rules[2] (late): is never reached, since rule 'all'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_that_cannot_mean_anything_is_refused(
    tables: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(SettingsError) as error:
        rules(*tables)
    assert str(error.value).startswith("mixmigrate.toml: rules[")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "table",
    [{"methods": "GET"}, {"action": "drop"}, {"action": "sample", "share": 1.5}, {"method": 5}],
    ids=str,
)
def test_keys_and_values_of_another_kind_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rules(table)


def test_no_rules_are_false() -> None:
    assert not rules()
    assert rules_of([RuleSettings(method="GET")], "x")
