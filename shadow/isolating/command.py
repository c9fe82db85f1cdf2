"""`mixmigrate switch`: mirroring on or off, while a dual run is under way."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyingest.terminal import Trouble

if TYPE_CHECKING:
    from shadow.isolating.switch import Control
    from shadow.status import Status

PATIENCE = 2.0
"""Seconds that the proxies get to tell that they have obeyed; they tell twice a second."""
FRESH = 3.0
"""Seconds after which a process that tells nothing is taken for gone."""


@click.command("switch")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("turn", type=click.Choice(["on", "off"]), required=False)
@click.option("--why", default="", help="A reason, for all who look at the run later.")
def switch_command(run: Path, turn: str | None, why: str) -> None:
    """Switch the mirroring of RUN on or off, or show how it is.

    Clients notice neither. A proxy obeys within a tenth of a second: what the candidate already
    has is finished and recorded, what waits for it is given up. Requests of the meantime are
    "switched off" in the ledger.

    Example: mixmigrate switch runs/first off --why "the candidate's disk is full"
    """
    from shadow.isolating.switch import Control, control_file, read_control, write_control
    from shadow.isolating.watchedfile import replace

    _see_that_it_is_one(run)
    path = control_file(run)
    try:
        before = read_control(path.read_bytes() if path.exists() else None)
        now = Control(mirroring=turn == "on", why=why, at=time.time())
        if turn is not None:
            replace(path, write_control(now))
    except OSError as error:
        raise Trouble(f"{path}: {error.strerror or error}; the switch is as it was") from None
    if turn is None:
        _show(run, before)
        return
    was = "on" if before.mirroring else "off"
    told = f"it was {was}" if was != turn else f"it was {was} already"
    click.echo(f"mirroring {turn} for {run}; {told}")
    click.echo(obeyed(run, now, PATIENCE))


def _see_that_it_is_one(run: Path) -> None:
    """Look whether *run* is one: nobody would obey a switch anywhere else.

    One sign is enough, and no file is read: a switch is needed most when something is broken.

    :raises Trouble: it is none.
    """
    from shadow.runs.union import NAME
    from shadow.serving.statusfiles import DIRECTORY

    if not run.is_dir():
        raise Trouble(f"{run}: no such directory; name the one given to --run of mixmigrate shadow")
    if not any((run / name).exists() for name in (NAME, DIRECTORY)):
        raise Trouble(
            f"{run}: neither {NAME} nor {DIRECTORY}/ is in it, so it is no run, and no proxy would "
            "obey; name the directory given to --run of mixmigrate shadow"
        )


def obeyed(run: Path, control: "Control", patience: float) -> str:
    """Return how many proxies say within *patience* seconds that they do as *control* says."""
    until = time.monotonic() + patience
    while True:
        proxies = [one for one in _told(run)[0] if one.at >= control.at - FRESH]
        now = [one for one in proxies if one.at >= control.at]
        obeying = [one.name for one in now if one.mirroring == control.mirroring]
        if len(obeying) == len(proxies) or time.monotonic() > until:
            break
        time.sleep(0.1)
    if not proxies:
        return "no proxy of this run is at work; the next one will obey"
    rest = sorted({one.name for one in proxies} - set(obeying))
    late = f"; not yet: {', '.join(rest)}" if rest else ""
    return f"{len(obeying)} of {len(proxies)} proxies obey{late}"


def _show(run: Path, control: "Control") -> None:
    """Print how the switch is, and what each proxy makes of it."""
    state = "on" if control.mirroring else "off"
    since = time.strftime(" since %Y-%m-%d %H:%M:%S", time.localtime(control.at))
    reason = f" ({control.why})" if control.why else ""
    click.echo(f"mirroring {state}{since if control.at else ''}{reason}")
    proxies, unreadable = _told(run)
    for one in proxies:
        breaker = one.breaker
        circuit = f"circuit {breaker.state}" + (f" ({breaker.why})" if breaker.why else "")
        mirrors = "mirrors" if one.mirroring else "does not mirror"
        age = max(0.0, time.time() - one.at)
        click.echo(f"  {one.name} {mirrors}, {circuit}, as told {age:.0f} s ago")
    for line in unreadable:
        click.echo(f"  {line}")
    for name, count in _matches(proxies).items():
        click.echo(f"  rule {name}: {count:,} requests")


def _matches(proxies: list["Status"]) -> dict[str, int]:
    """Return how many requests each rule decided, in all proxies together."""
    found: dict[str, int] = {}
    for one in proxies:
        rules = one.more.get("rules")
        for name, count in rules.items() if isinstance(rules, dict) else ():
            if isinstance(count, int):
                found[name] = found.get(name, 0) + count
    return found


def _told(run: Path) -> tuple[list["Status"], list[str]]:
    """Return what the proxies of *run* tell of themselves, and which files cannot be read."""
    from shadow.serving.statusfiles import DIRECTORY, read_all

    found = read_all(run / DIRECTORY)
    return [one for one in found.statuses if one.ledger], [str(one) for one in found.unreadable]
