"""Files that their owner alone can read, whatever the umask; a frame is appended whole or not."""

import os
from pathlib import Path

DIRECTORY = 0o700
FILE = 0o600


def make_directory(path: Path) -> None:
    """Make a directory, and those above it, that its owner alone can look into.

    One that is there is left as it is: it may be anybody's.

    :raises OSError: it cannot be made.
    """
    if not path.is_dir():
        path.mkdir(parents=True, mode=DIRECTORY)
        path.chmod(DIRECTORY)  # mkdir asks the umask


def take_directory(path: Path) -> bool:
    """Make a directory, or take one that is empty; closed to others. Say whether it is ours now.

    One that holds something is left as it is.

    :raises OSError: it cannot be made, or belongs to somebody else.
    """
    make_directory(path)
    if any(path.iterdir()):
        return False
    path.chmod(DIRECTORY)
    return True


def write_whole(path: Path, data: bytes, lasting: bool = False) -> None:
    """Replace the file by *data*: who reads it meets the former content or this, nothing between.

    :param lasting: it must be there after a power cut, too.
    :raises OSError: the disk does not take it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE)
    try:
        os.fchmod(file, FILE)
        _write_all(file, data)
        if lasting:
            os.fsync(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    partial.replace(path)


def append_whole(path: Path, data: bytes) -> None:
    """Append *data*, or leave the file as it was.

    :raises OSError: the disk does not take it.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE)
    try:
        size = os.fstat(file).st_size
        if not size:
            os.fchmod(file, FILE)
        try:
            _write_all(file, data)
        except OSError:
            os.ftruncate(file, size)  # half a frame would hide all that is written after it
            raise
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
