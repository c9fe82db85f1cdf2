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
from shadow.serving.statusfiles import DIRECTORY
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
    if options.recording.resume and (options.run / NAME).exists():
        place = options.run / DIRECTORY
        run = Run.resume(options.run, manifest, _received(place), redactor)
        shutil.rmtree(place, ignore_errors=True)  # of processes that are gone
    else:
        run = Run.create(options.run, manifest, redactor)
    try:
        (options.run / DIRECTORY).mkdir(mode=0o700, exist_ok=True)
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


def _received(place: Path) -> dict[str, int]:
    """Return how many requests each process had received by its last word, by its name."""
    counts = {path.name.removesuffix(SUFFIX): last_value(path) for path in place.glob(f"*{SUFFIX}")}
    return {name: count for name, count in counts.items() if count is not None}
