"""The directory of a run in which several processes record, each its own parts."""

import shutil

from shadow.options import ShadowOptions
from shadow.runs.manifest import RecordingError, RunManifest
from shadow.runs.run import Run
from shadow.service import described
from shadow.serving.statusfiles import DIRECTORY


def begin(options: ShadowOptions, created: float) -> Run:
    """Begin a run.

    :raises RecordingError: the directory holds something already, or cannot be written.
    """
    run = Run.create(options.run, RunManifest(created=created, **described(options)))
    try:
        (options.run / DIRECTORY).mkdir(mode=0o700)
    except OSError as error:
        raise RecordingError(f"{options.run}: cannot write a run here: {error}") from None
    return run


def take_back(run: Run | None) -> None:
    """Undo :func:`begin` after a run that did not begin: the directory can be used again."""
    if run is not None:
        shutil.rmtree(run.directory / DIRECTORY, ignore_errors=True)
        run.discard()
