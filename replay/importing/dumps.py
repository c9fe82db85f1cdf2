"""Events from a file that somebody wrote out of a queue."""

from collections.abc import Iterator
from pathlib import Path

from pyingest.event import Stored
from pyingest.queues.interface import QueueError


def read_dump(path: Path, queue: str) -> Iterator[Stored]:
    """Yield the messages of a dump, one a line: ``QUEUE<TAB>MESSAGE``, or the message alone.

    A line without a tab, or whose tab stands behind a ``{`` or ``[``, is a message of *queue*.

    :raises QueueError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                name, body = split(line.rstrip(b"\r\n"), queue)
                if body:
                    yield Stored(name, number, body)
    except OSError as error:
        raise QueueError(f"{path}: cannot be read ({error.strerror})") from None


def split(line: bytes, queue: str) -> tuple[str, bytes]:
    """Return the queue and the message of a line."""
    name, tab, body = line.partition(b"\t")
    if not tab or not name or name[:1] in b'{["':
        return queue, line
    return name.decode("utf-8", "replace"), body
