"""`mixmigrate import`: words to objects, errors to messages."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Number, Trouble, in_reactor, say

if TYPE_CHECKING:
    from replay.importing.building import Import
    from shadow.exchange import Side

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("import")
@click.option("--legacy-log", type=FILE, help="Access log of the requests that legacy got.")
@click.option("--candidate-log", type=FILE, help="Access log of the mirrored requests.")
@click.option("--legacy-queue", metavar="URL", default="", help="Where legacy's events lie.")
@click.option("--candidate-queue", metavar="URL", default="", help="Where the candidate's lie.")
@click.option("--legacy-events", type=FILE, help="Or a file of legacy's events, one a line.")
@click.option("--candidate-events", type=FILE, help="Or a file of the candidate's.")
@click.option(
    "--run",
    "run_directory",
    type=click.Path(path_type=Path),
    help="Directory to make; must be empty or not be there.",
)
@click.option(
    "--position",
    default="",
    metavar="NAME",
    help="Read the queues from this position on; else everything that they keep.",
)
@click.option(
    "--take-position",
    default="",
    metavar="NAME",
    help="Only take this position in both queues, before the traffic.",
)
@click.option(
    "--window",
    type=Number(min=0),
    default=5.0,
    show_default=True,
    help="Seconds between two lines of one request, where the logs have no request id.",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="FIELD",
    help="Field of the payload, such as properties.$email, to be kept as a keyed hash; repeatable. "
    "Credentials and cookies always are.",
)
@click.option("--note", "notes", multiple=True, help="A sentence for the report; repeatable.")
def import_command(
    legacy_log: Path | None,
    candidate_log: Path | None,
    run_directory: Path | None,
    window: float,
    position: str,
    take_position: str,
    redact: tuple[str, ...],
    notes: tuple[str, ...],
    **sources: Any,
) -> None:
    """Make a run from the logs and queues of traffic that nginx or Envoy mirrored.

    The logs are nginx JSON logs with a request id (docs/mirroring.md), or combined ones. What is
    in only one of them is counted and said. `mixmigrate compare` judges the run.

    Example: mixmigrate import --legacy-log legacy.log --candidate-log candidate.log
    --legacy-queue redis://127.0.0.1:6379/events,profiles
    --candidate-queue sqlite:/tmp/q.db#events,profiles --run runs/mirrored
    """
    from pyingest.queues.interface import QueueError
    from replay.formats.detection import LogError
    from shadow.options import ShadowError
    from shadow.runs.manifest import RecordingError

    queues = (sources["legacy_queue"], sources["candidate_queue"])
    try:
        if take_position:
            _take_position(queues, take_position)
            return
        if legacy_log is None or candidate_log is None or run_directory is None:
            raise Trouble("give --legacy-log, --candidate-log and --run")
        begun = _begin(run_directory, (legacy_log, candidate_log), sources, notes, redact)
        try:
            _carry_out(begun, (legacy_log, candidate_log), window, sources, position)
        except BaseException:
            begun.discard()
            raise
    except (LogError, QueueError, RecordingError, ShadowError, OSError) as error:
        raise Trouble(str(error)) from None
    say(f"judge it with: mixmigrate compare {run_directory}")


def _take_position(queues: tuple[str, str], name: str) -> None:
    from replay.importing.queues import take_position

    if not all(queues):
        raise Trouble("give --legacy-queue and --candidate-queue with --take-position")

    async def both(reactor: Any) -> None:
        for url in queues:
            await take_position(reactor, url, name)

    in_reactor(both)
    say(f"position {name} taken in both queues; import with --position {name}")


def _begin(
    directory: Path,
    logs: tuple[Path, Path],
    sources: dict[str, Any],
    notes: tuple[str, ...],
    redact: tuple[str, ...],
) -> "Import":
    from replay.importing.building import Import
    from shadow.exchange import Side
    from shadow.runs.manifest import Manifest
    from shadow.runs.settings import RecordingSettings

    names: dict[Side, dict[str, str]] | None = None
    if sources["legacy_queue"] and sources["candidate_queue"]:
        names = _names(sources["legacy_queue"], sources["candidate_queue"])
    told = []
    for side, log in zip(("legacy", "candidate"), logs, strict=True):
        place = _source(sources, side)
        told.append({"url": f"access log {log}", "queue": place, "build": ""})
    manifest = Manifest(created=time.time(), legacy=told[0], candidate=told[1], notes=list(notes))
    hidden = RecordingSettings(redact=redact)
    if hidden.flaws():
        raise Trouble("; ".join(hidden.flaws()).replace("recording.redact", "--redact"))
    return Import(directory, manifest, names, hidden.redactor())


def _names(legacy: str, candidate: str) -> "dict[Side, dict[str, str]]":
    from shadow.options import ShadowOptions, SideOptions, mapped_names

    sides = (SideOptions("", legacy), SideOptions("", candidate))
    options = ShadowOptions(host="", port=0, legacy=sides[0], candidate=sides[1], run=Path())
    return mapped_names(options)


def _source(sources: dict[str, Any], side: str) -> str:
    """Return where a side's events come from, as it may be shown."""
    from pyingest.queues.interface import parse_queue_url

    url, file = sources[f"{side}_queue"], sources[f"{side}_events"]
    if bool(url) == (file is not None):
        raise Trouble(f"give either --{side}-queue or --{side}-events")
    if not url:
        return f"file {file}"
    where = parse_queue_url(url)
    if where.scheme in ("sqlite", "file") and not Path(where.location).exists():
        raise Trouble(f"{where.location}: no such file; name the one that the service writes")
    return where.shown


def _carry_out(
    begun: "Import",
    logs: tuple[Path, Path],
    window: float,
    sources: dict[str, Any],
    position: str,
) -> None:
    from replay.formats.detection import read_lines
    from shadow.exchange import Side

    where = (str(logs[0]), str(logs[1]))
    begun.logs(read_lines(logs[0]), read_lines(logs[1]), where, window)
    for side in Side:
        if not sources[f"{side.value}_queue"]:
            _read_dump(begun, side, sources[f"{side.value}_events"])
    _read_queues(begun, {side: sources[f"{side.value}_queue"] for side in Side}, position)
    found = begun.close()
    for sentence in found.sentences():
        say(sentence)
    for example in found.examples:
        say(f"  {example}")
    say(", ".join(f"{count:,} events of {side.value}" for side, count in found.events.items()))
    for side in Side:
        if position and sources[f"{side.value}_queue"] and not found.events[side]:
            say(
                f"nothing lay behind position {position!r} of {side.value}'s queue: is that the "
                "name that --take-position took before the traffic?"
            )


def _read_dump(begun: "Import", side: "Side", path: Path) -> None:
    from replay.importing.dumps import read_dump
    from replay.importing.queues import report

    take = begun.taker(side)
    for item in read_dump(path, "events"):
        take(item)
    begun.tapped(side, report(begun.found.events[side]))


def _read_queues(begun: "Import", urls: "dict[Side, str]", position: str) -> None:
    if not any(urls.values()):
        return
    from replay.importing.queues import read_all

    async def both(reactor: Any) -> None:
        for side, url in urls.items():
            if url:
                begun.tapped(side, await read_all(reactor, url, position, begun.taker(side)))

    in_reactor(both)
