"""Mirroring on or off at run time, and the command for it."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from shadow.isolating.command import obeyed, switch_command
from shadow.isolating.switch import (
    ON,
    Control,
    Switch,
    control_file,
    read_control,
    write_control,
)
from shadow.status import BreakerStatus, Status


def test_what_is_written_is_read() -> None:
    control = Control(mirroring=False, why="the disk is full", at=12.5)
    assert read_control(write_control(control)) == control


def test_without_a_file_all_is_mirrored() -> None:
    assert read_control(None) == ON
    assert Switch().is_on


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"mirroring":"no"}', b"\xff", b'{"mirroring":1}']
)
def test_what_cannot_be_understood_switches_off_and_says_so(content: bytes) -> None:
    control = read_control(content)
    assert not control.mirroring
    assert "control.json cannot be understood" in control.why


def test_keys_of_later_versions_are_passed_over() -> None:
    assert read_control(b'{"mirroring": true, "colour": "red"}').mirroring


def test_a_switch_counts_how_often_it_is_really_turned() -> None:
    switch = Switch()
    for content in (None, write_control(ON), b"broken", b"worse", None):
        switch.take(content)
    assert switch.changes == 2
    assert switch.is_on


def test_a_switch_says_when_it_is_turned_off_and_only_then() -> None:
    switch, told = Switch(), list[int]()
    switch.turned_off = lambda: told.append(switch.changes)
    for content in (write_control(ON), b"broken", b"worse", None, b"broken"):
        switch.take(content)
    assert told == [1, 3]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Make the directory of a run."""
    (tmp_path / "manifest.json").write_bytes(b"{}")
    return tmp_path


def switched(run: Path, *words: str) -> Result:
    return CliRunner().invoke(switch_command, [str(run), *words])


def test_the_command_turns_the_switch_and_says_so(run: Path) -> None:
    result = switched(run, "off", "--why", "smoke")
    assert result.exit_code == 0
    first, second = result.output.splitlines()
    assert first == f"mirroring off for {run}; it was on"
    assert second == "no proxy of this run is at work; the next one will obey"
    control = read_control(control_file(run).read_bytes())
    assert (control.mirroring, control.why) == (False, "smoke")
    assert abs(control.at - time.time()) < 60
    assert "it was off already\n" in switched(run, "off").output
    assert "it was off\n" in switched(run, "on").output
    assert read_control(control_file(run).read_bytes()).mirroring


def tell(run: Path, name: str, age: float, **told: Any) -> None:
    """Write the status that a process of *run* told *age* seconds ago."""
    (run / "status").mkdir(exist_ok=True)
    breaker = BreakerStatus(state="open", why="shadow tax: much")
    told = {"ledger": {"received": 1}, "breaker": breaker, **told}
    status = Status(name=name, pid=1, began=1.0, at=time.time() - age, **told)
    (run / "status" / f"{name}.json").write_bytes(msgspec.json.encode(status))


def test_the_command_says_how_many_proxies_obey(run: Path) -> None:
    control = Control(mirroring=False, at=time.time() - 1.0)
    tell(run, "proxy-0", 0.5, mirroring=False)
    tell(run, "proxy-1", 0.2, mirroring=False)
    tell(run, "proxy-2", 60.0, mirroring=True)  # it is gone
    tell(run, "tap", 0.0, ledger={})
    assert obeyed(run, control, 0.0) == "2 of 2 proxies obey"
    tell(run, "proxy-1", 0.2, mirroring=True)
    assert obeyed(run, control, 0.0) == "1 of 2 proxies obey; not yet: proxy-1"
    tell(run, "proxy-1", 1.5, mirroring=False)  # told before the switch was turned
    assert obeyed(run, control, 0.0) == "1 of 2 proxies obey; not yet: proxy-1"


def test_the_command_shows_the_switch_and_what_each_proxy_makes_of_it(run: Path) -> None:
    assert switched(run).output == "mirroring on\n"
    switched(run, "off", "--why", "smoke")
    tell(run, "proxy-0", 0.0, mirroring=False)
    tell(run, "tap", 0.0, ledger={})
    (run / "status" / "proxy-1.json").write_bytes(b"{")
    lines = switched(run).output.splitlines()
    assert lines[0].startswith("mirroring off since 2")
    assert lines[0].endswith("(smoke)")
    assert lines[1].startswith("  proxy-0 does not mirror, circuit open (shadow tax: much)")
    assert lines[2].startswith("  status/proxy-1.json: not a status")
    assert len(lines) == 3


def test_the_command_shows_how_often_each_rule_decided(run: Path) -> None:
    tell(run, "proxy-0", 0.0, more={"rules": {"health": 5, "robots": 0}})
    tell(run, "proxy-1", 0.0, more={"rules": {"health": 1_000, "odd": "x"}})
    tell(run, "proxy-2", 0.0, more={"rules": "odd"})
    lines = switched(run).output.splitlines()
    assert lines[4:] == ["  rule health: 1,005 requests", "  rule robots: 0 requests"]


def test_a_run_that_is_not_there_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    result = switched(tmp_path / "nowhere", "off")
    assert result.exit_code == 2
    assert "no such directory; name the one given to --run" in result.output


@pytest.mark.parametrize("words", [("off",), ("on",), ()])
def test_a_directory_that_is_no_run_has_no_switch(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = switched(tmp_path, *words)
    assert result.exit_code == 2
    assert f"{tmp_path}: neither manifest.json nor status/ is in it" in result.output
    assert "name the directory given to --run" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sign", ["manifest.json", "status"])
def test_one_sign_of_a_run_is_enough_whatever_it_holds(tmp_path: Path, sign: str) -> None:
    (tmp_path / sign).mkdir()
    assert switched(tmp_path, "off").exit_code == 0


def test_a_switch_that_cannot_be_written_is_said_to_be_as_it_was(run: Path) -> None:
    control_file(run).mkdir()
    result = switched(run, "off")
    assert result.exit_code == 2
    assert "the switch is as it was" in result.output
