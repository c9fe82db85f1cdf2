"""What every command does when something goes wrong that it did not foresee."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli import Commands, main
from pyingest.terminal import Number, Whole


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


def numeric(command: click.Command, name: str = "mixmigrate") -> Iterator[tuple[str, click.Option]]:
    """Yield the options of *command*, and of those below it, that take a number."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        yield from numeric(below, f"{name} {below.name}")
    for one in command.params:
        if isinstance(one, click.Option) and isinstance(one.type, KINDS) and not one.is_flag:
            yield f"{name} {one.opts[0]}", one


KINDS = (type(click.INT), type(click.FLOAT))
NUMERIC = dict(numeric(main))


def test_options_that_take_numbers_are_found() -> None:
    assert {"mixmigrate import --window", "mixmigrate cutover plan --errors"} <= NUMERIC.keys()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1" + "0" * 400, "1e400"])
@pytest.mark.parametrize("name", NUMERIC)
def test_no_option_takes_what_cannot_be_reckoned_with(name: str, text: str) -> None:
    option = NUMERIC[name]
    assert isinstance(option.type, Number | Whole)
    with pytest.raises(click.BadParameter) as caught:
        option.type.convert(text, option, None)
    assert len(caught.value.message) < 120


@pytest.mark.parametrize("name", ["--window", "--every", "--hold", "--speed", "--rate"])
def test_what_must_not_be_negative_is_not(name: str) -> None:
    for one in (option for told, option in NUMERIC.items() if told.endswith(f" {name}")):
        with pytest.raises(click.BadParameter, match="not in the range"):
            one.type.convert("-1", one, None)


def test_a_number_that_is_none_is_said_with_a_way_out() -> None:
    result = CliRunner().invoke(main, ["import", "--window", "nan"])
    assert result.exit_code == 2
    assert "nan is no number to reckon with; write a finite one" in result.output
