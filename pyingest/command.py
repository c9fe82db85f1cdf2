"""`mixmigrate ingest` and `mixmigrate queue`: words to objects, errors to messages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Address, Stoppable, Trouble, Whole, say, serve

if TYPE_CHECKING:
    from pyingest.serving.settings import Settings

# Engines are imported inside the commands: `mixmigrate --help` must not wait for Twisted.


@click.command("ingest")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with all settings (docs/ingest.md); a flag wins over it.",
)
@click.option("--check", is_flag=True, help="Only say whether the settings can be used.")
@click.option(
    "--listen",
    type=Address(),
    help="Where to listen [default: 127.0.0.1:8001]; port 0 takes any free one.",
)
@click.option(
    "--queue",
    "queue_url",
    metavar="URL",
    help="sqlite:PATH#events,profiles, kestrel://HOST:PORT/events,profiles, "
    "nats://HOST:PORT/STREAM/events, kafka://HOST:PORT/events, redis://HOST:PORT/events, "
    "file:PATH#events or memory: (docs/queues.md)",
)
@click.option(
    "--contract",
    type=click.Choice(["classic", "modern"]),
    help="What the service being replaced took [default: classic], or what today's clients send.",
)
@click.option(
    "--profile",
    type=click.Choice(["mochiweb", "mochiweb-2011", "strict"]),
    help="Decode classic as the legacy library does [default: mochiweb], or as a naive port.",
)
@click.option(
    "--workers",
    type=Whole(min=0),
    metavar="N",
    help="Processes that serve, below a supervisor [default: 0, this process alone].",
)
@click.option(
    "--spool",
    type=click.Path(file_okay=False),
    help="Directory where events wait while the queue is away.",
)
@click.option(
    "--ack",
    type=click.Choice(["queue", "spool", "memory"]),
    help="What an event must have reached before 1 is said [default: queue].",
)
@click.option(
    "--dead-letters",
    metavar="URL",
    help="Keep records that are no good, with the reason: sqlite:PATH or a directory.",
)
@click.option(
    "--aliases",
    metavar="URL",
    help="Put events under their person's own id, by what sqlite:PATH knows of aliases.",
)
@click.option(
    "--loop",
    type=click.Choice(["twisted", "lean"]),
    help="The event loop [default: twisted]; lean does less for each read.",
)
@click.option("--admin", type=Address(), help="Where operators find /metrics, /stats and /ready.")
@click.option(
    "--quarantine", metavar="NAME", help="Put everything on this queue instead: shadow traffic."
)
@click.option("--access-log", is_flag=True, help="Log each request, without its query string.")
def ingest_command(
    config: Path | None,
    check: bool,
    listen: tuple[str, int] | None,
    queue_url: str | None,
    contract: str | None,
    profile: str | None,
    workers: int | None,
    spool: str | None,
    ack: str | None,
    dead_letters: str | None,
    aliases: str | None,
    loop: str | None,
    admin: tuple[str, int] | None,
    quarantine: str | None,
    access_log: bool,
) -> None:
    """Serve /track and /engage: the candidate's stand-in, and a server of its own.

    Answers 1 only after the queue confirmed the events.

    Example: mixmigrate ingest --listen 127.0.0.1:8001 --queue sqlite:/tmp/q.db#events,profiles
    """
    flags: dict[str, object] = {
        "listen.address": _text(listen),
        "listen.admin": _text(admin),
        "listen.loop": loop,
        "listen.workers": workers,
        "queue.url": queue_url,
        "queue.quarantine": quarantine,
        "spool.directory": spool,
        "spool.ack": ack,
        "dead_letters.url": dead_letters,
        "aliases.url": aliases,
        "contract.name": contract,
        "contract.profile": profile,
        "logs.access": access_log or None,
    }
    _ingest(config, flags, check)


def _text(where: tuple[str, int] | None) -> str | None:
    return None if where is None else f"{where[0]}:{where[1]}"


def _ingest(config: Path | None, flags: dict[str, object], check: bool) -> None:
    from pyingest.loops import begin_loop
    from pyingest.queues.interface import QueueError
    from pyingest.server import ListenError
    from pyingest.serving.reading import SettingsError, address, read_settings
    from pyingest.serving.running import Ingestion, check_settings, run

    def read() -> "Settings":
        return read_settings(config, flags)

    try:
        settings = read()
        check_settings(settings)
    except (SettingsError, QueueError) as error:
        raise Trouble(str(error)) from None
    if check:
        say(f"{config or 'the flags'}: these settings can be used")
        return
    begin_loop(settings.listen.loop)
    serving: list[Ingestion] = []

    async def begin(reactor: Any) -> Stoppable:
        serving.append(await run(reactor, settings, read))
        return serving[0]

    def hang_up() -> None:
        if serving:
            serving[0].hang_up()

    def more() -> list[str]:
        return [f"ready admin {one.admin}" for one in serving if one.admin]

    host = address(settings.listen.address)[0]
    serve("ingest", host, begin, (ListenError, QueueError), hang_up, more)


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
