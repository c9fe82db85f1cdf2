"""`mixmigrate status`: where a dual run stands."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyingest.terminal import Trouble

if TYPE_CHECKING:
    from shadow.serving.showing import Look

EACH = 1.0
"""Seconds between two looks."""


@click.command("status")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a look.")
@click.option("--watch", is_flag=True, help="Look again each second, until Ctrl-C.")
def status_command(run: Path, as_json: bool, watch: bool) -> None:
    """Say where the dual run in the directory RUN stands.

    Sums up what each of its processes tells of itself, twice a second, in RUN/status; nobody is
    asked. Rates are those of the last second.

    Example: mixmigrate status runs/first --watch
    """
    from shadow.serving.showing import data, lines

    before = _look(run)
    if not before.told.statuses and not before.told.unreadable:
        raise Trouble(
            f"{run}: no process has told of itself here; name the directory given to --run of "
            "mixmigrate shadow"
        )
    while True:
        if before.present:
            time.sleep(EACH)
        now = _look(run)
        if as_json:
            click.echo(json.dumps(data(now, before)))
        else:
            if watch:
                click.echo("\x1b[2J\x1b[H", nl=False)
            click.echo("\n".join(lines(str(run), now, before)))
        if not watch or not now.present:
            return
        before = now


def _look(run: Path) -> "Look":
    from shadow.serving.showing import Look
    from shadow.serving.statusfiles import DIRECTORY, is_there, read_all

    told = read_all(run / DIRECTORY)
    present = frozenset(one.pid for one in told.statuses if is_there(one))
    return Look(time.time(), told, present)
