"""The directory of a run, in which each process records its own parts."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyingest.queues.interface import parse_queue_url
from shadow.options import ShadowOptions, SideOptions
from shadow.runs.keeper import Keeper
from shadow.runs.manifest import RecordingError, RunManifest
from shadow.runs.room import Room
from shadow.runs.run import Run
from shadow.runs.union import NAME
from shadow.serving.odometer import SUFFIX, last_value
from shadow.serving.statusfiles import DIRECTORY, read_all, write
from shadow.serving.summing import joined
from shadow.serving.taps import JOURNAL
from shadow.tapping.series import FILE


def begin(options: ShadowOptions, created: float) -> Run:
    """Begin a run, or go on with the one that is there, if *options* say so.

    The manifest's ``created`` is then that of its beginning, by which the taps' positions are
    called.

    :raises RecordingError: the directory holds something already, or cannot be written; or what
        is to be gone on with is the run of something else.
    """
    manifest = RunManifest(created=created, **described(options))
    redactor = options.recording.redactor()
    place = options.run / DIRECTORY
    if options.recording.resume and (options.run / NAME).exists():
        run = Run.resume(options.run, manifest, _received(place), redactor)
    else:
        run = Run.create(options.run, manifest, redactor)
    try:
        if run.manifest.resumed:
            _put_together(run)
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{options.run}: cannot write a run here: {error}") from None
    return run


def take_back(run: Run | None) -> None:
    """Undo :func:`begin` after a run that did not begin: the directory can be used again.

    What was recorded before a run was gone on with, stays.
    """
    if run is None:
        return
    if run.manifest.resumed:
        with suppress(RecordingError):
            run.close()
        return
    for name in (DIRECTORY, JOURNAL):
        shutil.rmtree(run.directory / name, ignore_errors=True)
    (run.directory / FILE).unlink(missing_ok=True)
    run.discard()


def keeper_of(reactor: Any, run: Run, options: ShadowOptions) -> Keeper:
    """Return what deletes the run's oldest parts."""
    settings = options.recording
    return Keeper(reactor, run, settings.keep, Room(run.directory, settings.free_bytes))


def described(options: ShadowOptions) -> dict[str, Any]:
    """Return what the manifest of a run says of both sides."""

    def told(side: SideOptions) -> dict[str, str]:
        return {"url": side.url, "queue": parse_queue_url(side.queue).shown, "build": side.build}

    return {
        "legacy": told(options.legacy),
        "candidate": told(options.candidate),
        "notes": list(options.notes),
    }


def _put_together(run: Run) -> None:
    """Replace what processes that are gone had told by what all of them come to.

    What became of their requests is told by the record, exactly, though it be less than they told.

    :raises OSError: the disk does not take it.
    """
    place = run.directory / DIRECTORY
    told = read_all(place)
    earlier = joined(one for one in (told.earlier, *told.statuses) if one is not None)
    earlier.ledger = run.manifest.whole_ledger
    write(run.directory, earlier)  # nothing is taken away before this is on the disk
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    name = f"{earlier.name}.json"
    (run.directory / name).replace(place / name)


def _received(place: Path) -> dict[str, int]:
    """Return how many requests each process had received by its last word, by its name."""
    counts = {path.name.removesuffix(SUFFIX): last_value(path) for path in place.glob(f"*{SUFFIX}")}
    return {name: count for name, count in counts.items() if count is not None}
