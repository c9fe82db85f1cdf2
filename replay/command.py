"""`mixmigrate replay` and `mixmigrate demo`: words to objects, errors to messages."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import INTERRUPTED, Number, Trouble, Whole, say

if TYPE_CHECKING:
    from replay.plan import ReplayOptions


@click.command("replay")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--to",
    default="http://127.0.0.1:8000",
    show_default=True,
    metavar="URL",
    help="The proxy, or a service.",
)
@click.option(
    "--mode",
    type=click.Choice(["timed", "open", "closed"]),
    default="open",
    show_default=True,
    help="At the log's times; at a rate; or as fast as answers come.",
)
@click.option(
    "--speed",
    type=Number(min=0.001),
    default=1.0,
    show_default=True,
    help="With --mode timed: 2 is twice as fast.",
)
@click.option(
    "--rate",
    type=Number(min=0.001),
    default=200.0,
    show_default=True,
    help="Requests a second, with --mode open.",
)
@click.option(
    "--processes",
    type=Whole(min=1),
    default=4,
    show_default=True,
    help="With --mode closed: times --workers gives the requests in flight.",
)
@click.option(
    "--workers",
    type=Whole(min=1),
    default=25,
    show_default=True,
    help="With --mode closed.",
)
@click.option(
    "--order",
    type=click.Choice(["file", "shuffle", "sample"]),
    default="file",
    show_default=True,
    help="As logged; each once, shuffled; or drawn with replacement.",
)
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Of the order.")
@click.option("--limit", type=Whole(min=1), help="Send so many requests at most.")
@click.option(
    "--allow",
    multiple=True,
    metavar="HOST",
    help="A host other than this machine that may be hit; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def replay_command(  # one parameter for each option
    logs: tuple[Path, ...],
    to: str,
    mode: str,
    speed: float,
    rate: float,
    processes: int,
    workers: int,
    order: str,
    seed: int,
    limit: int | None,
    allow: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send an access log, or a recorded run, once more.

    LOGS are nginx or Apache access logs (combined, common), nginx JSON logs, captures, or run
    directories; .gz and .zst files are read as they are. Every line ends in one bucket.

    Example: mixmigrate replay access.log.gz --to http://127.0.0.1:8000 --mode timed --speed 2
    """
    from replay.order import Order
    from replay.pacing import Closed, Open, Pace, Timed
    from replay.plan import ReplayOptions

    paces: dict[str, Pace] = {
        "timed": Timed(speed),
        "open": Open(rate),
        "closed": Closed(processes * workers),
    }
    options = ReplayOptions(
        logs, to, paces[mode], order=Order(order), seed=seed, limit=limit, allowed=allow
    )
    _replay(options, dry_run, as_json)


def _replay(options: "ReplayOptions", dry_run: bool, as_json: bool) -> None:
    """Replay, or say what would be sent; exit with 1 when it was not carried through."""
    from replay.driver import run_replay
    from replay.formats.detection import LogError
    from replay.plan import ReplayError, plan
    from replay.summary import render_json, render_plan, render_text

    try:
        if dry_run:
            say(render_plan(plan(options)))
            return
        result = run_replay(options, _replay_progress())
    except (LogError, ReplayError) as error:
        raise Trouble(str(error)) from None
    say(render_json(result).decode() if as_json else render_text(result))
    if result.stopped or result.remainder():
        sys.exit(INTERRUPTED if result.stopped == "interrupted" else 1)


def _replay_progress() -> Callable[[Any], None]:
    """Return what shows a replay's progress: one line that renews itself, on a terminal."""

    def show(progress: Any) -> None:
        if sys.stderr.isatty():
            line = (
                f"sent {progress.sent:,}  answered {progress.answered:,}  "
                f"failed {progress.failed:,}  in flight {progress.in_flight:,}  "
                f"p50 {progress.p50 * 1000:.1f} ms  p99 {progress.p99 * 1000:.1f} ms"
            )
            click.echo(f"\r\x1b[K{line}", nl=False, err=True)

    return show


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="demo-out",
    show_default=True,
    help="Directory for both runs and their reports.",
)
@click.option(
    "--requests",
    type=Whole(min=100),
    default=46_000,
    show_default=True,
    help="Requests of the second act. Fewer than 45 140 cannot end in PASS.",
)
@click.option(
    "--legacy",
    type=click.Choice(["auto", "erlang", "standin"]),
    default="auto",
    show_default=True,
    help="The Erlang server of legacy/, or pyingest in its place.",
)
@click.option(
    "--rate",
    type=Number(min=1),
    default=700.0,
    show_default=True,
    help="Requests a second.",
)
@click.option("--seed", type=Whole(), default=2011, show_default=True, help="Of the access log.")
def demo_command(out: Path, requests: int, legacy: str, rate: float, seed: int) -> None:
    """Show the whole story on this machine, in about two minutes.

    A straightforward Python port fails, with its causes; the finished one passes. Both runs are
    left in --out with their reports. Exits with the second verdict's code.

    Example: mixmigrate demo --out /tmp/demo
    """
    from replay.demo import DemoError, DemoOptions, run_demo

    try:
        strict, finished = run_demo(DemoOptions(out, requests, legacy, rate, seed), say)
    except DemoError as error:
        raise Trouble(str(error)) from None
    say("")
    for act in (strict, finished):
        report = act.directory / "report.html"
        say(f"{act.profile:>8}: {act.verdict:<9}  {report}")
    if strict.verdict != "FAIL":
        raise Trouble(f"the strict port should FAIL; it ended {strict.verdict}")
    sys.exit(finished.status)
