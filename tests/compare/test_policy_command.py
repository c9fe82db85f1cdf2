"""`mixmigrate policy`: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compare.policy.command import policy_command
from compare.policy.policy import BUILT_IN, load, policy_hash

GOOD = load("default")[1]


def ran(*words: str) -> Result:
    return CliRunner().invoke(policy_command, list(words))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.mark.parametrize("name", ["default", "demo"])
def test_a_built_in_policy_is_ok_and_its_hash_is_told(name: str) -> None:
    done = ran("check", name)
    assert done.exit_code == 0
    assert f"ok, policy {name!r}, hash {policy_hash(load(name)[0])}" in done.output


def test_all_troubles_are_told_at_once_each_with_its_line(mine: Path) -> None:
    text = GOOD.replace("alpha = 0.05", "alhpa = 0.05").replace("target = 0.9999", "target = 7", 1)
    mine.write_text(text.replace('kinds = ["missing"', 'kinds = ["mising"'))
    done = ran("check", str(mine))
    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert len(lines) == 3
    assert f"{mine}: line 6: gate: unknown key 'alhpa' (did you mean 'alpha'?)" in lines[0]
    assert "gate.rate[1].target: must be a number < 1.0, not 7" in lines[1]
    assert "veto[1].kinds: 'mising' is not allowed" in lines[2]


def test_a_policy_that_is_not_there_ends_with_two() -> None:
    done = ran("check", "nowhere.toml")
    assert done.exit_code == 2
    assert "built in are: default, demo" in done.output


def test_an_expired_acceptance_is_said_and_is_no_mistake(mine: Path) -> None:
    mine.write_text(
        GOOD
        + '[[accept]]\nsignature = "0123456789ab"\nreason = "r"\nby = "b"\nuntil = 2011-08-05\n'
    )
    done = ran("check", str(mine))
    assert done.exit_code == 0
    assert "acceptance 0123456789ab expired on 2011-08-05; it will not count" in done.output


def test_showing_a_built_in_policy_prints_its_file_to_the_byte() -> None:
    assert ran("show", "default").output == (BUILT_IN / "default.toml").read_text()


def test_explaining_takes_the_planned_requests_and_the_rate() -> None:
    done = ran("explain", "default", "--requests", "250000", "--rate", "1100")
    assert done.exit_code == 0
    assert "Of 250,000 distinct requests it tolerates" in done.output
    assert "12 mismatches" in done.output


@pytest.mark.parametrize("rate", ["0", "-1", "x"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    assert ran("explain", "default", "--rate", rate).exit_code == 2


def test_the_schema_is_json() -> None:
    assert json.loads(ran("schema").output)["title"] == "mixmigrate policy"


@pytest.mark.parametrize("name", ["check", "explain", "show", "schema"])
def test_every_part_has_help_with_an_example(name: str) -> None:
    assert f"Example: mixmigrate policy {name}" in ran(name, "--help").output
