"""`mixmigrate switch`: mirroring on or off, while a dual run is under way."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shadow.isolating.switch import Control


@click.command("switch")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("turn", type=click.Choice(["on", "off"]), required=False)
@click.option("--why", default="", help="A reason, for all who look at the run later.")
def switch_command(run: Path, turn: str | None, why: str) -> None:
    """Switch the mirroring of RUN on or off, or show how it is.

    Clients notice neither. A proxy obeys within a tenth of a second; what the candidate already
    has is finished and recorded. Requests of the meantime are "switched off" in the ledger.

    Example: mixmigrate switch runs/first off --why "the candidate's disk is full"
    """
    from shadow.isolating.switch import Control, control_file, read_control, write_control
    from shadow.isolating.watchedfile import replace

    if not run.is_dir():
        raise click.ClickException(
            f"{run}: no such directory; name the one given to --run of mixmigrate shadow"
        )
    path = control_file(run)
    try:
        before = read_control(path.read_bytes() if path.exists() else None)
        if turn is None:
            _show(run, before)
            return
        now = Control(mirroring=turn == "on", why=why, at=time.time())
        replace(path, write_control(now))
    except OSError as error:
        raise click.ClickException(
            f"{path}: {error.strerror or error}; the switch is as it was"
        ) from None
    was = "on" if before.mirroring else "off"
    told = f"it was {was}" if was != turn else f"it was {was} already"
    click.echo(f"mirroring {turn} for {run}; {told}")


def _show(run: Path, control: "Control") -> None:
    """Print how the switch is, and what each proxy makes of it."""
    state = "on" if control.mirroring else "off"
    since = time.strftime(" since %Y-%m-%d %H:%M:%S", time.localtime(control.at))
    reason = f" ({control.why})" if control.why else ""
    click.echo(f"mirroring {state}{since if control.at else ''}{reason}")
    for line in _proxies(run):
        click.echo(line)


def _proxies(run: Path) -> list[str]:
    """Return a line for each process that has told of itself."""
    import msgspec

    from shadow.status import Status

    lines = []
    for path in sorted((run / "status").glob("*.json")):
        try:
            status = msgspec.json.decode(path.read_bytes(), type=Status)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            lines.append(f"  {path.name}: cannot be read: {error}")
            continue
        if status.ledger:
            breaker = status.breaker
            circuit = f"circuit {breaker.state}" + (f" ({breaker.why})" if breaker.why else "")
            mirrors = "mirrors" if status.mirroring else "does not mirror"
            age = max(0.0, time.time() - status.at)
            lines.append(f"  {status.name} {mirrors}, {circuit}, as told {age:.0f} s ago")
    return lines
