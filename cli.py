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


class Address(click.ParamType[tuple[str, int]]):
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

    async def stop(self) -> object:
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

    _serve("ingest", listen[0], begin, (ListenError, QueueError))


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
    from pyingest.queues.interface import QueueError
    from pyingest.queues.kestreld import start

    async def begin(reactor: Any) -> Stoppable:
        return await start(reactor, listen[0], listen[1], store)

    _serve("queue", listen[0], begin, (QueueError, OSError))


@main.command("shadow")
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
    from shadow.recording import RecordingError
    from shadow.service import ShadowError, ShadowOptions, SideOptions, start

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
        return await start(reactor, options)

    _serve("shadow", listen[0], begin, (QueueError, RecordingError, ShadowError))


@main.command("replay")
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
@click.option("--speed", type=float, default=1.0, show_default=True, help="With --mode timed.")
@click.option(
    "--rate",
    type=float,
    default=200.0,
    show_default=True,
    help="Requests a second, with --mode open.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="With --mode closed: times --workers gives the requests in flight.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
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
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order.")
@click.option("--limit", type=click.IntRange(min=1), help="Send so many requests at most.")
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
    from replay.driver import run_replay
    from replay.formats.detection import LogError
    from replay.order import Order
    from replay.pacing import Closed, Open, Pace, Timed
    from replay.plan import ReplayError, ReplayOptions, plan
    from replay.summary import render_json, render_plan, render_text

    paces: dict[str, Pace] = {
        "timed": Timed(speed),
        "open": Open(rate),
        "closed": Closed(processes * workers),
    }
    options = ReplayOptions(
        logs, to, paces[mode], order=Order(order), seed=seed, limit=limit, allowed=allow
    )
    try:
        if dry_run:
            _say(render_plan(plan(options)))
            return
        result = run_replay(options, _replay_progress())
    except (LogError, ReplayError) as error:
        raise Trouble(str(error)) from None
    _say(render_json(result).decode() if as_json else render_text(result))
    if result.stopped == "interrupted":
        sys.exit(INTERRUPTED)


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
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.internet.error import CannotListenError

    reactor: Any = installed
    trouble: list[str] = []
    foreseen: tuple[type[Exception], ...] = (*expected, CannotListenError)

    async def run() -> None:
        try:
            server = await begin(reactor)
        except foreseen as error:
            trouble.append(str(error))
            reactor.stop()
            return
        reactor.addSystemEventTrigger("before", "shutdown", lambda: finish(server))
        _say(f"ready {name} {host}:{server.port}")

    def finish(server: Stoppable) -> "Deferred[object]":
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
