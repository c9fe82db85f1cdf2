"""What every command does when something goes wrong that it did not foresee."""

import click
import pytest
from click.testing import CliRunner

from cli import Commands, main


def group(error: BaseException) -> Commands:
    """Return a group whose one command raises *error*."""
    commands = Commands("probe")

    @commands.command("fail")
    def fail() -> None:
        raise error

    return commands


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (RuntimeError("the wheel came off"), 70),
        (click.ClickException("no such file"), 1),
        (click.UsageError("no such option"), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_end_has_its_exit_code_and_no_traceback(error: BaseException, status: int) -> None:
    result = CliRunner().invoke(group(error), ["fail"])
    assert result.exit_code == status
    assert "Traceback" not in result.output


def test_a_defect_is_said_in_words_and_as_ours() -> None:
    result = CliRunner().invoke(group(RuntimeError("the wheel came off")), ["fail"])
    assert "a defect in mixmigrate: RuntimeError: the wheel came off" in result.output


def test_a_developer_can_ask_for_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXMIGRATE_DEBUG", "1")
    result = CliRunner().invoke(group(RuntimeError("the wheel came off")), ["fail"])
    assert "Traceback" in result.output


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output.startswith("mixmigrate, version ")
