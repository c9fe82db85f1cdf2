"""`mixmigrate calibrate`: a run of legacy against legacy becomes noise rules for a policy."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Trouble, say

if TYPE_CHECKING:
    from compare.noise.calibrating import Calibration


@click.command("calibrate")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--policy",
    "source",
    default="default",
    show_default=True,
    metavar="FILE",
    help="The policy whose latency gates and headers the two sides are held against.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the rules.  [default: print them, and the rest to stderr]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def calibrate_command(run: Path, source: str, out: Path | None, as_json: bool) -> None:
    """Learn from legacy against legacy which differences are noise.

    RUN is a run whose candidate was a second legacy. What comes out is a piece of a policy: read
    it, then paste it. Exit codes: 0 fine, 1 the harness is biased or something differs that no
    rule takes, 4 the run cannot be used.

    Example: mixmigrate calibrate runs/legacy-twice --out noise.toml
    """
    from compare.noise.calibrating import calibrate_run
    from compare.noise.calibration_text import render_piece, render_story
    from compare.policy.policy import PolicyError, load
    from compare.render.visible import encodable
    from shadow.recording import RunReader
    from shadow.runs.manifest import RecordingError

    try:
        found = calibrate_run(RunReader(run), load(source)[0], _progress())
        piece = "" if found.flaws else render_piece(found, run.name)
        if out is not None and piece:
            out.write_text(piece, encoding="utf-8")
    except (OSError, PolicyError, RecordingError) as error:
        raise Trouble(str(error)) from None
    if as_json:
        say(json.dumps(encodable(_data(found)), indent=2))
    elif out is not None:
        say(render_story(found))
        if piece:
            say(f"written: {out}")
    else:
        click.echo(render_story(found), err=True)
        if piece:
            say(piece.rstrip("\n"))
    sys.exit(found.exit_code)


def _data(found: "Calibration") -> dict[str, Any]:
    import msgspec

    from compare.noise.calibrating import troubles, warnings

    return {
        "exit_code": found.exit_code,
        "requests": found.requests,
        "distinct": found.distinct,
        "pairs": dict(sorted(found.learned.pairs.items())),
        "identical": found.identical,
        "lone": found.lone,
        "answers": found.answers,
        "server_time_seconds": found.server_time_seconds,
        "speeds": msgspec.to_builtins(found.speeds),
        "rules": msgspec.to_builtins(found.rules),
        "flaws": found.flaws,
        "troubles": list(troubles(found)),
        "warnings": list(warnings(found)),
    }


def _progress() -> Callable[[str, int, bool], None]:
    """Return what shows how many pairs were learned from, on a terminal."""

    def show(what: str, done: int, is_last: bool) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{what} {done}", nl=is_last, err=True)

    return show
