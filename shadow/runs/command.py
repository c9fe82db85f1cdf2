"""`mixmigrate run`: what runs are there, what they hold, whether they are whole; and deleting."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from pyingest.terminal import Trouble, say

DAMAGED = 1
EVERY = 0.5
"""Seconds between two looks of a progress line."""


class Size(click.ParamType[int]):
    """``500MB``, ``20GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from shadow.runs.amounts import bytes_of

        try:
            return value if isinstance(value, int) else bytes_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Span(click.ParamType[float]):
    """``12h``, ``7d``."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from shadow.runs.amounts import seconds_of

        try:
            return value if isinstance(value, float) else seconds_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _directory(name: str, **more: Any) -> Callable[[Any], Any]:
    kind = click.Path(path_type=Path, exists=True, file_okay=False)
    return click.argument(name, type=kind, **more)


_as_json = click.option("--json", "as_json", is_flag=True, help="Say it as JSON, for machines.")


@click.group("run")
def run_command() -> None:
    """Look at recorded runs, check them, and delete what need not be kept.

    Example: mixmigrate run ls runs
    """


@run_command.command("ls")
@_directory("directory", default=".")
@_as_json
def ls_command(directory: Path, as_json: bool) -> None:
    """List the runs beneath DIRECTORY: state, size, requests, events, age.

    Example: mixmigrate run ls runs
    """
    from shadow.runs.listing import runs_in, seen
    from shadow.runs.manifest import RecordingError
    from shadow.runs.text import listed

    found, wrong = [], []
    for path in runs_in(directory):
        try:
            found.append(seen(path))
        except RecordingError as error:
            wrong.append(str(error))
    if as_json:
        _say_json([{k: v for k, v in one.to_dict().items() if k != "parts"} for one in found])
    else:
        for line in listed(found, time.time()) or [f"{directory}: no runs"]:
            say(line)
    for line in wrong:
        click.echo(line, err=True)


@run_command.command("show")
@_directory("run")
@_as_json
def show_command(run: Path, as_json: bool) -> None:
    """Say what RUN is: who was run, its parts, its ledger, its taps, what was deleted of it.

    Example: mixmigrate run show runs/first
    """
    from shadow.runs.listing import seen
    from shadow.runs.text import shown

    told = _mended(lambda: seen(run))
    if as_json:
        _say_json(told.to_dict())
        return
    for line in shown(told, time.time()):
        say(line)


@run_command.command("verify")
@_directory("run")
@_as_json
def verify_command(run: Path, as_json: bool) -> None:
    """Read all of RUN: frames, lines, counts, ledgers. The exit code is 1 if anything is wrong.

    Example: mixmigrate run verify runs/first
    """
    from shadow.runs.checking import check

    with _Progress("lines read") as progress:
        checked = _mended(lambda: check(run, progress.show))
    damage = [f"{one.where}: {one.what}" for one in checked.damage]
    if as_json:
        counts = {name: getattr(checked, name) for name in ("parts", "exchanges", "events")}
        _say_json({"run": str(run), "whole": not damage, **counts, "damage": damage})
    else:
        held = f"{checked.exchanges:,} requests and {checked.events:,} events"
        parts = f" in {checked.parts:,} parts" if checked.parts != 1 else ""
        say(f"{run}: {'DAMAGED' if damage else 'whole'}, {held}{parts}")
        for line in damage:
            say(f"  {line}")
    if damage:
        sys.exit(DAMAGED)


@run_command.command("prune")
@_directory("runs", nargs=-1, required=True)
@click.option("--keep-bytes", type=Size(), metavar="SIZE", help="Keep so much of each run: 20GB.")
@click.option(
    "--keep-age", type=Span(), metavar="TIME", help="Keep of each run what is younger: 7d."
)
@click.option(
    "--older-than",
    type=Span(),
    metavar="TIME",
    help="Delete whole runs, at and beneath RUNS, that ended longer ago: 30d.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask before whole runs are deleted.")
@_as_json
def prune_command(
    runs: Sequence[Path],
    keep_bytes: int | None,
    keep_age: float | None,
    older_than: float | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the oldest parts of RUNS, or whole RUNS.

    With --keep-bytes or --keep-age, the oldest parts of each run go; what is left can be judged.
    Otherwise the runs themselves are deleted, if you say yes.

    Example: mixmigrate run prune runs/first --keep-age 7d
    """
    from shadow.runs.pruning import Plan, parts_of, whole

    if keep_bytes is not None or keep_age is not None:
        if older_than is not None:
            raise click.UsageError("--older-than deletes whole runs: it goes with no --keep option")
        found = [_mended(partial(parts_of, run, keep_bytes, keep_age)) for run in runs]
    else:
        found = _mended(lambda: whole(runs, older_than))
    plans: list[Plan] = [plan for plan in found if plan.names or plan.is_whole]
    if not as_json:
        for line in (line for plan in plans for line in plan.lines(dry_run)):
            say(line)
    are_whole = any(plan.is_whole for plan in plans)
    if plans and not dry_run:
        if are_whole and not yes:
            click.confirm("Delete these runs?", abort=True, err=True)
        for plan in plans:
            _mended(plan.carry_out)
    if as_json:
        _say_json([plan.to_dict() for plan in plans])
    elif not plans:
        say("nothing to delete")


def _mended(work: Callable[[], Any]) -> Any:
    """Do *work*; what a user can mend is said as such."""
    from shadow.runs.manifest import RecordingError

    try:
        return work()
    except RecordingError as error:
        raise Trouble(str(error)) from None


def _say_json(value: object) -> None:
    say(json.dumps(value, indent=2))


class _Progress:
    """One line on a terminal, renewed now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._on = sys.stderr.isatty()
        self._last = 0.0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._last:
            click.echo("\r\x1b[K", nl=False, err=True)

    def show(self, done: int, total: int) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if self._on and now - self._last > EVERY:
            self._last = now
            click.echo(f"\r\x1b[K{done:,} of {total:,} {self._what}", nl=False, err=True)
