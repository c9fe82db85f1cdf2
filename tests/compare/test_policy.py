"""The policy file: every mistake is named with its place."""

import datetime
from pathlib import Path

import pytest

from compare.policy import BUILT_IN, PolicyError, load, parse, policy_hash

MINIMAL = 'name = "mine"\n[gate]\nalpha = 0.05\n'


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_a_built_in_policy_is_complete_and_named_after_its_file(path: Path) -> None:
    policy, text = load(path.stem)
    assert policy.name == path.stem
    assert text == path.read_text()
    assert len(policy.gate.rate) == 3
    assert policy.gate.slo
    assert policy.gate.relative


def test_the_default_asks_for_four_nines_of_everything_and_relaxes_nothing() -> None:
    policy, _ = load("default")
    assert {gate.target for gate in policy.gate.rate} == {0.9999}
    assert policy.relaxed == []


def test_the_demo_says_what_it_relaxes_and_keeps_the_rate_gates() -> None:
    demo, default = load("demo")[0], load("default")[0]
    assert demo.gate.rate == default.gate.rate
    assert len(demo.relaxed) >= 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gate]\nalhpa = 0.05\n", ["alhpa", "alpha", "[gate]"]),
        ("gaet = 1\n", ["gaet", "gate", "top level"]),
        ("[gate]\nalpha = 2\n", ["alpha", "< 1"]),
        ('[gate]\nalpha = "x"\n', ["alpha", "float"]),
        ("[gate\n", ["not TOML"]),
        ("[[gate.rate]]\nname = 'x'\n", ["counts"]),
        ("[[gate.rate]]\nname = 'x'\ncounts = 'queues'\ntarget = 0.9\n", ["counts"]),
        ("[[accept]]\nsignature = 'xyz'\nreason = 'r'\nby = 'b'\nuntil = 2027-01-01\n", ["sig"]),
        ("[noise]\nserver_time_seconds = -1\n", ["server_time_seconds", ">= 0"]),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, words: list[str]) -> None:
    top = "" if text.startswith("gaet") else 'name = "mine"\n'
    gate = "" if "[gate" in text else "[gate]\n"
    with pytest.raises(PolicyError) as raised:
        parse(top + text + gate, "policy.toml")
    assert str(raised.value).startswith("policy.toml: ")
    for word in words:
        assert word in str(raised.value)


def test_a_policy_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(PolicyError, match="built in are default, demo"):
        load("/nonexistent/policy.toml")


def test_the_hash_is_of_what_is_asked_not_of_how_it_is_written() -> None:
    one = parse(MINIMAL, "a")
    same = parse("# why\n" + MINIMAL, "b")
    other = parse(MINIMAL.replace("0.05", "0.04"), "c")
    assert policy_hash(one) == policy_hash(same) != policy_hash(other)


def test_an_acceptance_ends_with_its_day() -> None:
    text = MINIMAL + (
        '[[accept]]\nsignature = "0123456789ab"\nreason = "r"\nby = "b"\nuntil = 2027-03-01\n'
    )
    (accepted,) = parse(text, "x").accept
    assert accepted.is_current(datetime.date(2027, 3, 1))
    assert not accepted.is_current(datetime.date(2027, 3, 2))
