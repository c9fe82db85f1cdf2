"""`mixmigrate compare`: words to objects, errors to messages, the verdict to an exit code."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyingest.terminal import Trouble, say

if TYPE_CHECKING:
    from compare.policy.policy import Policy


@click.command("compare")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--policy",
    "source",
    default="default",
    show_default=True,
    metavar="FILE",
    help="A policy file, or a built-in one: default, demo.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for the reports.  [default: RUN itself]",
)
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="WHERE",
    help="local (all processors), local:N, or dask://HOST:PORT.",
)
@click.option(
    "--where",
    "question",
    metavar="EXPR",
    help="Ask which differences EXPR is true of, instead of judging; see docs/expressions.md.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def compare_command(
    run: Path, source: str, out: Path | None, engine: str, question: str | None, as_json: bool
) -> None:
    """Judge a recorded run and write its reports.

    RUN is the directory that `mixmigrate shadow` recorded. The exit code is the verdict: 0 PASS,
    1 FAIL, 3 UNDECIDED, 4 INVALID.

    Example: mixmigrate compare runs/first --policy policy.toml

    Example: mixmigrate compare runs/first --where 'any(D, diff, D["path"] == "properties.ip")'
    """
    from compare.policy.policy import PolicyError, load
    from compare.stages.engines import EngineError
    from shadow.runs.manifest import RecordingError
    from shadow.segments import Cut

    try:
        policy, text = load(source)
        if question is not None:
            _answer(run, policy, question, engine, out, as_json)
        else:
            _judge(run, policy, text, engine, out, as_json)
    except (OSError, Cut, EngineError, PolicyError, RecordingError) as error:
        raise Trouble(str(error)) from None


def _judge(
    run: Path, policy: "Policy", text: str, engine: str, out: Path | None, as_json: bool
) -> None:
    from compare.judgement import judge_run
    from compare.render.as_json import render_json
    from compare.render.files import write_reports
    from compare.render.text import render_text

    report = judge_run(run, policy, text, _progress(), engine, out or run)
    written = write_reports(report, out or run)
    if as_json:
        say(render_json(report).decode())
    else:
        say(render_text(report, colour=sys.stdout.isatty()))
        say(f"written: {', '.join(str(path) for path in written)}")
    sys.exit(report.verdict.exit_code)


def _answer(
    run: Path, policy: "Policy", question: str, engine: str, out: Path | None, as_json: bool
) -> None:
    from compare.expression.error import ExpressionError
    from compare.expression.parsing import parse
    from compare.judgement import ask_run
    from compare.render.answer import answer_data, answer_text

    try:
        expression = parse(question)
    except ExpressionError as error:
        raise Trouble(f"--where:\n{error}") from None
    answer = ask_run(run, policy, expression, _progress(), engine, out)
    say(json.dumps(answer_data(answer), indent=2) if as_json else answer_text(answer))


def _progress() -> Callable[[str, int, int], None]:
    """Return what shows how far the comparison is: one line that renews itself, on a terminal."""

    def show(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{what} {done} of {total}", nl=done == total, err=True)

    return show
