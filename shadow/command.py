"""`mixmigrate shadow`: words to objects, errors to messages."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Address, Number, Stoppable, Trouble, Whole, say, serve

if TYPE_CHECKING:
    from shadow.service import ShadowService
    from shadow.serving.running import DualRunServer
    from shadow.serving.settings import Settings

_RECORDING = ("resume", "keep_bytes", "keep_age", "redact")
# What runs is imported inside the commands: `mixmigrate --help` must not wait for Twisted.


@click.command("shadow")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with all settings, (docs/operations.md); a flag wins over it.",
)
@click.option("--check", is_flag=True, help="Only say whether the settings can be used.")
@click.option(
    "--listen",
    type=Address(),
    help="Where clients come in [default: 127.0.0.1:8000]; port 0 takes any free one.",
)
@click.option("--legacy", metavar="URL", help="The service in production.")
@click.option("--candidate", metavar="URL", help="Its rewrite.")
@click.option(
    "--candidate-live",
    metavar="URL",
    help="The candidate's instance that writes to the production queues: from the ramp on.",
)
@click.option(
    "--legacy-shadow",
    metavar="URL",
    help="A legacy instance that writes to quarantined queues: for what the candidate answers.",
)
@click.option(
    "--cutover",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of a cutover (`mixmigrate cutover plan`), whose stage says who answers.",
)
@click.option(
    "--legacy-queue",
    metavar="URL",
    help="Where legacy's events lie: kestrel://HOST:PORT/events,profiles and the like.",
)
@click.option(
    "--candidate-queue",
    metavar="URL",
    help="Where the candidate's lie: other queues, named in the same order.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="Directory to record in; must be empty or not be there, but for --resume.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in that directory.")
@click.option(
    "--keep-bytes",
    metavar="SIZE",
    help="Bound the run on the disk, to 20GB: its oldest parts are deleted.",
)
@click.option("--keep-age", metavar="TIME", help="Delete what is older of it: 7d.")
@click.option(
    "--redact",
    multiple=True,
    metavar="FIELD",
    help="Record this field of the payload as a keyed hash: properties.$email; repeatable.",
)
@click.option(
    "--share",
    type=Number(0, 1),
    help="Part of the requests that the candidate gets, too [default: 1].",
)
@click.option(
    "--timeout",
    type=Number(min=0.1),
    help="Seconds that a side may take for an answer [default: 10].",
)
@click.option(
    "--workers",
    type=Whole(min=1),
    metavar="N",
    help="Proxy processes on the address, below a supervisor [default: 1, all in one process].",
)
@click.option("--live", type=Address(), help="Where to show the run as it grows, in a browser.")
@click.option(
    "--beside",
    is_flag=True,
    help="Share the address with proxies that a killed supervisor left behind.",
)
@click.option(
    "--loop",
    type=click.Choice(["twisted", "lean"]),
    help="Event loop: Twisted's own [default], or one that does less for each read.",
)
@click.option("--legacy-build", help="What legacy is: a version, for the report.")
@click.option("--candidate-build", help="What the candidate is.")
@click.option("--note", "notes", multiple=True, help="A sentence for the report; repeatable.")
def shadow_command(config: Path | None, check: bool, **given: Any) -> None:
    """Answer clients from legacy, mirror to the candidate, record both queues.

    The client hears legacy and nothing else. SIGTERM or Ctrl-C ends the run cleanly.

    Example: mixmigrate shadow --legacy http://127.0.0.1:8080 --candidate http://127.0.0.1:8001
    --legacy-queue kestrel://127.0.0.1:22133/events,profiles
    --candidate-queue sqlite:/tmp/q.db#events,profiles --run runs/first
    """
    _shadow(config, _flags(given), check)


def _flags(given: dict[str, Any]) -> dict[str, object]:
    """Return the flags by the keys of the settings; ``None`` for those not given."""
    elsewhere = {"share": "sampling.share", "timeout": "timeouts.answer"}
    elsewhere |= {name: f"recording.{name}" for name in _RECORDING}
    for name in ("listen", "live"):
        if given[name] is not None:
            given[name] = "{}:{}".format(*given[name])
    for name in ("run", "cutover"):
        given[name] = None if given[name] is None else str(given[name])
    given["beside"] = given["beside"] or None
    given["resume"] = given["resume"] or None
    for name in ("notes", "redact"):
        given[name] = list(given[name]) or None
    return {elsewhere.get(name, f"shadow.{name}"): value for name, value in given.items()}


def _shadow(config: Path | None, flags: dict[str, object], check: bool) -> None:
    from pyingest.loops import begin_loop
    from pyingest.queues.interface import QueueError
    from pyingest.server import ListenError
    from pyingest.serving.reading import SettingsError, address
    from shadow.options import ShadowError
    from shadow.runs.manifest import RecordingError
    from shadow.service import ShadowService
    from shadow.serving.reading import read_settings
    from shadow.serving.running import run

    def read() -> "Settings":
        return read_settings(config, flags)

    try:
        settings = read()
    except SettingsError as error:
        raise Trouble(str(error)) from None
    if check:
        say(f"{config or 'the flags'}: these settings can be used")
        return
    begin_loop(settings.shadow.loop)
    serving: list[DualRunServer] = []

    async def begin(reactor: Any) -> Stoppable:
        serving.append(await run(reactor, settings, read))
        if isinstance(serving[0].serving, ShadowService):
            _show_progress(reactor, serving[0].serving)
        return serving[0]

    def hang_up() -> None:
        if serving:
            serving[0].hang_up()

    def more() -> list[str]:
        return [f"ready live {one.live}" for one in serving if one.live]

    host = address(settings.shadow.listen)[0]
    foreseen = (ListenError, QueueError, RecordingError, ShadowError)
    serve("shadow", host, begin, foreseen, hang_up, more)


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
