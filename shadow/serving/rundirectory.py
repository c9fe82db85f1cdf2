"""The directory of a run in which several processes record, each its own parts."""

import shutil
from pathlib import Path

from shadow.recording import RecordingError
from shadow.serving import statusfiles
from shadow.serving.place import PARTS


def make_room(run: Path) -> None:
    """Make the directory.

    :raises RecordingError: it holds something already, or cannot be written.
    """
    try:
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(run.iterdir()):
            raise RecordingError(
                f"{run}: not empty; a run needs a directory of its own, name another"
            )
        for name in (PARTS, statusfiles.DIRECTORY):
            (run / name).mkdir(mode=0o700)
    except OSError as error:
        raise RecordingError(f"{run}: cannot write a run here: {error}") from None


def take_back(run: Path) -> None:
    """Undo :func:`make_room` after a run that did not begin: the directory can be used again."""
    for name in (PARTS, statusfiles.DIRECTORY):
        shutil.rmtree(run / name, ignore_errors=True)
