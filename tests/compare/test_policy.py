"""Policies: what they mean, and what is said about wrong ones."""

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.policy.policy import Policy, PolicyError, examine, load, parse, policy_hash

GOOD = load("default")[1]
ACCEPT = '[[accept]]\nsignature = "0123456789ab"\nreason = "r"\nby = "b"\nuntil = 2027-01-01\n'


@pytest.mark.parametrize("name", ["default", "demo"])
def test_a_built_in_policy_is_valid(name: str) -> None:
    assert load(name)[0].name == name


def test_the_demo_says_what_it_relaxes_and_the_default_relaxes_nothing() -> None:
    assert load("demo")[0].relaxed
    assert not load("default")[0].relaxed


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha = 0.05", "alhpa = 0.05", "gate: unknown key 'alhpa' (did you mean 'alpha'?)"),
        ("alpha = 0.05", "alpha = 5", "gate.alpha: must be a number < 1.0, not 5"),
        ("alpha = 0.05", 'alpha = "x"', "gate.alpha: must be a number, not a text in quotes"),
        ('counts = "queue"', 'counts = "queu"', "gate.rate[1].counts: 'queu' is not allowed"),
        ("target = 0.9999", "taget = 0.9999", "gate.rate[1]: unknown key 'taget'"),
        ("[gate]", "[gate", "not TOML"),
        ('kinds = ["missing"', 'kinds = ["mising"', "veto[1].kinds: 'mising' is not allowed"),
        ('mode = "advise"', 'mode = "gate"', "a gate on events needs max_cluster"),
        ('name = "event-agreement"', 'name = "queue-agreement"', "there more than once"),
        ("[[veto]]", "[veto]", "veto: must be a list of tables; write [[veto]]"),
        ("quantiles = [0.5, 0.9, 0.99]", "quantiles = []", "gate.relative[1].quantiles"),
        ('name = "default"', "", "the file: name is missing"),
        (
            "# max_requests = 2_000_000",
            "max_requests = 45_139",
            "gate.max_requests: 45,139 is too few: a PASS takes 45,140",
        ),
        ("min_count = 1", "min_count = 0", "veto[1].min_count: must be"),
        ('kinds = ["missing", "duplicate_lost", "truncated"]', "", "veto[1]: nothing is vetoed"),
        (
            'kinds = ["missing"',
            'categories = ["loss"]\nkinds = ["missing"',
            "'loss' is not allowed",
        ),
        ('counts = "queue"', 'counts = "queue"\nstratum = "1"', "only a rate that counts"),
        ("max_lag_ms = 5.0", "max_lag = 5.0", "did you mean 'max_lag_ms'?"),
        ('attempts = "restart"', 'attempts = "spent"', "did you mean 'spend'?"),
        ("limit_ms = 100.0", "limit_ms = inf", "limit_ms: inf is no number to reckon with"),
        ("min_seconds = 0.0", "min_seconds = nan", "min_seconds: nan is no number to reckon"),
        ("require_calibration = false", 'require_calibration = "no"', "must be true or false"),
    ],
)
def test_an_error_names_the_file_the_key_and_what_is_allowed(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as caught:
        parse(GOOD.replace(old, new, 1), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)


def test_a_policy_that_requires_nothing_is_refused() -> None:
    with pytest.raises(PolicyError, match="nothing is required"):
        parse('name = "x"\n[gate]\nrate = []\n', "mine.toml")


@pytest.mark.parametrize("wrong", ['"soon"', '"2027-13-01"', "5"])
def test_a_date_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(PolicyError, match=r"accept\[1\]\.until: must be a date"):
        parse(GOOD + ACCEPT.replace("2027-01-01", wrong), "mine.toml")


def test_an_acceptance_is_there_once() -> None:
    with pytest.raises(PolicyError, match="more than once"):
        parse(GOOD + ACCEPT + ACCEPT, "mine.toml")


def test_an_acceptance_ends_after_its_last_day() -> None:
    (entry,) = parse(GOOD + ACCEPT, "mine.toml").accept
    assert entry.is_current(datetime.date(2027, 1, 1))
    assert not entry.is_current(datetime.date(2027, 1, 2))


def test_the_hash_follows_the_meaning_and_not_the_text() -> None:
    same = parse("# a comment\n" + GOOD, "a.toml")
    other = parse(GOOD.replace("target = 0.9999", "target = 0.999", 1), "b.toml")
    assert policy_hash(same) == policy_hash(load("default")[0])
    assert policy_hash(other) != policy_hash(same)


def test_an_acceptance_changes_the_hash() -> None:
    assert policy_hash(parse(GOOD + ACCEPT, "a.toml")) != policy_hash(parse(GOOD, "a.toml"))


def test_a_policy_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="built in are: default, demo"):
        load(str(tmp_path / "none.toml"))


def test_a_policy_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8 text"):
        load(str(path))


def test_a_stratum_brings_its_own_bound_but_for_the_open_one() -> None:
    gate = '[[gate.rate]]\nname = "s"\ncounts = "events"\ntarget = 0.99\nstratum = "{}"\n'
    for stratum, cluster in (("1", 1), ("2-10", 10)):
        assert _with(gate, stratum).gate.rate[-1].cluster == cluster
    with pytest.raises(PolicyError, match="needs max_cluster"):
        _with(gate, "11+")


def _with(gate: str, stratum: str) -> Policy:
    return parse(GOOD + gate.format(stratum), "mine.toml")


def test_the_first_trouble_is_told_with_the_number_of_the_others() -> None:
    wrong = GOOD.replace("alpha = 0.05", "alhpa = 0.05").replace("beta = 0.05", "beta = 5")
    with pytest.raises(PolicyError, match=r"unknown key 'alhpa'.*; and 1 more, see policy check"):
        parse(wrong, "mine.toml")


def test_troubles_are_told_together_and_each_once() -> None:
    wrong = GOOD.replace("target = 0.9999", "target = 2").replace('name = "default"', "name = 5")
    found, troubles = examine(wrong + ACCEPT.replace("2027-01-01", "5"))
    assert found is None
    assert len(troubles) == len(set(troubles)) == 6


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=60), st.integers(0, 4000))
def test_whatever_the_text_is_it_is_a_policy_or_there_are_troubles(junk: str, place: int) -> None:
    found, troubles = examine(GOOD[:place] + junk + GOOD[place:])
    assert (found is None) == bool(troubles)


@pytest.mark.parametrize("value", ["[" * 100_000, "1" * 5_000], ids=["deep", "long"])
def test_a_monstrous_value_is_refused_in_words(value: str) -> None:
    with pytest.raises(PolicyError, match="not TOML"):
        parse(f"name = {value}", "mine.toml")
