"""`mixmigrate compare`: words to objects, errors to messages, the verdict to an exit code."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from pyingest.terminal import Trouble, say


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
    "where",
    default="local",
    show_default=True,
    metavar="WHERE",
    help="local (all processors), local:N, or dask://HOST:PORT.",
)
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the text.")
def compare_command(run: Path, source: str, out: Path | None, where: str, as_json: bool) -> None:
    """Judge a recorded run and write its reports.

    RUN is the directory that `mixmigrate shadow` recorded. The exit code is the verdict: 0 PASS,
    1 FAIL, 3 UNDECIDED, 4 INVALID.

    Example: mixmigrate compare runs/first --policy policy.toml
    """
    from compare.engines import EngineError
    from compare.judgement import judge_run
    from compare.policy import PolicyError, load
    from compare.render.as_json import render_json
    from compare.render.files import write_reports
    from compare.render.text import render_text
    from shadow.recording import RecordingError

    try:
        policy, text = load(source)
        report = judge_run(run, policy, text, _progress(), where)
        written = write_reports(report, out or run)
    except (OSError, EngineError, PolicyError, RecordingError) as error:
        raise Trouble(str(error)) from None
    if as_json:
        say(render_json(report).decode())
    else:
        say(render_text(report, colour=sys.stdout.isatty()))
        say(f"written: {', '.join(str(path) for path in written)}")
    sys.exit(report.verdict.outcome.exit_code)


def _progress() -> Callable[[str, int, int], None]:
    """Return what shows how far the comparison is: one line that renews itself, on a terminal."""

    def show(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{what} {done} of {total}", nl=done == total, err=True)

    return show
