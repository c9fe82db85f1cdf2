"""`mixmigrate ingest` and `mixmigrate queue`: words to objects, errors to messages."""

from pathlib import Path
from typing import Any

import click

from pyingest.terminal import Address, Stoppable, serve

# Engines are imported inside the commands: `mixmigrate --help` must not wait for Twisted.


@click.command("ingest")
@click.option(
    "--listen",
    type=Address(),
    default="127.0.0.1:8001",
    show_default=True,
    help="Where to listen; port 0 takes any free one.",
)
@click.option(
    "--queue",
    "queue_url",
    required=True,
    metavar="URL",
    help="sqlite:PATH#events,profiles, kestrel://HOST:PORT/events,profiles or memory:",
)
@click.option(
    "--profile",
    type=click.Choice(["mochiweb", "strict"]),
    default="mochiweb",
    show_default=True,
    help="Decode as the legacy library does, or as a naive port.",
)
def ingest_command(listen: tuple[str, int], queue_url: str, profile: str) -> None:
    """Serve /track and /engage: the candidate's stand-in.

    Answers 1 only after the queue confirmed the events.

    Example: mixmigrate ingest --listen 127.0.0.1:8001 --queue sqlite:/tmp/q.db#events,profiles
    """
    from pyingest.queues.interface import QueueError, parse_queue_url
    from pyingest.queues.opening import open_queue
    from pyingest.routing import Routes
    from pyingest.server import ListenError, ServerOptions, start
    from pyingest.wire.profile import MOCHIWEB, STRICT

    async def begin(reactor: Any) -> Stoppable:
        names = parse_queue_url(queue_url).names
        queue = open_queue(reactor, queue_url)
        host, port = listen
        options = ServerOptions(
            host=host,
            port=port,
            profile=MOCHIWEB if profile == "mochiweb" else STRICT,
            routes=Routes(track=names[0], engage=names[-1]),
        )
        return await start(reactor, options, queue)

    serve("ingest", listen[0], begin, (ListenError, QueueError))


@click.command("queue")
@click.option(
    "--listen",
    type=Address(),
    default="127.0.0.1:22133",
    show_default=True,
    help="Where to listen; port 0 takes any free one.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory of the SQLite files; made if it is not there.",
)
def queue_command(listen: tuple[str, int], store: Path) -> None:
    """Serve a durable queue over Kestrel's memcache protocol.

    Example: mixmigrate queue --listen 127.0.0.1:22133 --store /var/lib/mixmigrate/queue
    """
    from pyingest.queues.interface import QueueError
    from pyingest.queues.kestreld import start

    async def begin(reactor: Any) -> Stoppable:
        return await start(reactor, listen[0], listen[1], store)

    serve("queue", listen[0], begin, (QueueError, OSError))
