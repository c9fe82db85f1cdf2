"""`mixmigrate shadow`: words to objects, errors to messages."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Address, Stoppable, serve

if TYPE_CHECKING:
    from shadow.service import ShadowService


@click.command("shadow")
@click.option(
    "--listen",
    type=Address(),
    default="127.0.0.1:8000",
    show_default=True,
    help="Where clients come in; port 0 takes any free one.",
)
@click.option("--legacy", required=True, metavar="URL", help="The service in production.")
@click.option("--candidate", required=True, metavar="URL", help="Its rewrite.")
@click.option(
    "--legacy-queue",
    required=True,
    metavar="URL",
    help="Where legacy's events lie: kestrel://HOST:PORT/events,profiles and the like.",
)
@click.option(
    "--candidate-queue",
    required=True,
    metavar="URL",
    help="Where the candidate's lie: other queues, named in the same order.",
)
@click.option(
    "--run",
    "run",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory to record in; must be empty or not be there.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Part of the requests that the candidate gets, too.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Seconds that a side may take for an answer.",
)
@click.option("--legacy-build", default="", help="What legacy is: a version, for the report.")
@click.option("--candidate-build", default="", help="What the candidate is.")
@click.option("--note", "notes", multiple=True, help="A sentence for the report; repeatable.")
def shadow_command(
    listen: tuple[str, int],
    run: Path,
    share: float,
    timeout: float,
    notes: tuple[str, ...],
    **sides: str,
) -> None:
    """Answer clients from legacy, mirror to the candidate, record both queues.

    The client hears legacy and nothing else. SIGTERM or Ctrl-C ends the run cleanly.

    Example: mixmigrate shadow --legacy http://127.0.0.1:8080 --candidate http://127.0.0.1:8001
    --legacy-queue kestrel://127.0.0.1:22133/events,profiles
    --candidate-queue sqlite:/tmp/q.db#events,profiles --run runs/first
    """
    from pyingest.queues.interface import QueueError
    from shadow.options import ShadowError, ShadowOptions, SideOptions
    from shadow.recording import RecordingError
    from shadow.service import start

    def side(name: str) -> SideOptions:
        return SideOptions(sides[name], sides[f"{name}_queue"], sides[f"{name}_build"])

    async def begin(reactor: Any) -> Stoppable:
        options = ShadowOptions(
            host=listen[0],
            port=listen[1],
            legacy=side("legacy"),
            candidate=side("candidate"),
            run=run,
            notes=notes,
            share=share,
            answer_seconds=timeout,
        )
        service = await start(reactor, options)
        _show_progress(reactor, service)
        return service

    serve("shadow", listen[0], begin, (QueueError, RecordingError, ShadowError))


def _show_progress(reactor: Any, service: "ShadowService") -> None:
    """Renew one line a second on a terminal: where the run stands."""
    if not sys.stderr.isatty():
        return

    def show() -> None:
        now = service.snapshot()
        events = ", ".join(f"{side} {count:,}" for side, count in now.events.items())
        line = (
            f"received {now.received:,}  mirrored {now.mirrored:,}  waiting {now.waiting:,}  "
            f"held back {now.not_mirrored:,}  candidate failed {now.candidate_failed:,}  "
            f"events {events}"
        )
        click.echo(f"\r\x1b[K{now.error or line}", nl=False, err=True)
        reactor.callLater(1.0, show)

    reactor.callLater(1.0, show)
