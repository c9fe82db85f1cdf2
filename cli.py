"""Words to objects, errors to messages and exit codes. Decides nothing."""

import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import click

# Engines are imported inside the commands: `mixmigrate --help` must not wait for Twisted.

USAGE_ERROR = 2
INTERRUPTED = 130
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


class Address(click.ParamType):
    """``HOST:PORT``; port 0 takes any free one."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8000", param, ctx)
        return host or "127.0.0.1", int(port)


class Trouble(click.ClickException):
    """An error that a user can mend; never exit code 1, which is the verdict FAIL."""

    exit_code = USAGE_ERROR


class Stoppable(Protocol):
    """A server that is listening."""

    port: int

    async def stop(self) -> None:
        """Finish what is under way and let go of everything."""


CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "MIXMIGRATE",
    "max_content_width": 96,
}


@click.group(context_settings=CONTEXT)
@click.version_option(version("mixmigrate"), prog_name="mixmigrate")
def main() -> None:
    """Prove a rewrite of an ingestion service before the cutover.

    Runs the service in production (legacy) and its rewrite (candidate) on the same traffic,
    compares what each put on its queue, and says whether the rewrite may take over.

    Start with: mixmigrate demo
    """


@main.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="demo-out",
    show_default=True,
    help="Directory for both runs and their reports.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=100),
    default=50_000,
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
    type=click.FloatRange(min=1),
    default=950.0,
    show_default=True,
    help="Requests a second.",
)
@click.option("--seed", type=int, default=2011, show_default=True, help="Of the access log.")
def demo_command(out: Path, requests: int, legacy: str, rate: float, seed: int) -> None:
    """Show the whole story on this machine, in about two minutes.

    A straightforward Python port fails, with its causes; the finished one passes. Both runs are
    left in --out with their reports. Exits with the second verdict's code.

    Example: mixmigrate demo --out /tmp/demo
    """
    from replay.demo import DemoError, DemoOptions, run_demo

    try:
        strict, finished = run_demo(DemoOptions(out, requests, legacy, rate, seed), _say)
    except DemoError as error:
        raise Trouble(str(error)) from None
    _say("")
    for act in (strict, finished):
        report = act.directory / "report.html"
        _say(f"{act.profile:>8}: {act.verdict:<9}  {report}")
    if strict.verdict != "FAIL":
        raise Trouble(f"the strict port should FAIL; it ended {strict.verdict}")
    sys.exit(finished.status)


@main.command("ingest")
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
    from pyingest.queues.opening import open_queue
    from pyingest.routing import Routes
    from pyingest.server import ServerOptions, start
    from pyingest.wire.profile import MOCHIWEB, STRICT

    from pyingest.queues.interface import QueueError, parse_queue_url

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

    _serve("ingest", listen[0], begin, (QueueError, OSError))


@main.command("queue")
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
    from pyingest.queues.kestreld import start

    from pyingest.queues.interface import QueueError

    async def begin(reactor: Any) -> Stoppable:
        return await start(reactor, listen[0], listen[1], store)

    _serve("queue", listen[0], begin, (QueueError, OSError))


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _serve(
    name: str,
    host: str,
    begin: Callable[[Any], Awaitable[Stoppable]],
    expected: tuple[type[Exception], ...],
) -> None:
    """Run a server until SIGTERM or SIGINT; tell where it listens; stop it cleanly."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.error import CannotListenError

    trouble: list[str] = []

    async def run() -> None:
        try:
            server = await begin(reactor)
        except (*expected, CannotListenError) as error:
            trouble.append(str(error))
            reactor.stop()
            return
        reactor.addSystemEventTrigger("before", "shutdown", lambda: _finish(server))
        _say(f"ready {name} {host}:{server.port}")

    def _finish(server: Stoppable) -> "Deferred[None]":
        return Deferred.fromCoroutine(server.stop()).addErrback(broken)

    def broken(failure: Any) -> None:
        trouble.append(f"{name}: {failure.getErrorMessage()}")
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addErrback(broken))
    reactor.run()
    if trouble:
        raise Trouble("; ".join(trouble))


if __name__ == "__main__":
    main(prog_name="mixmigrate")
