"""Follows a queue that is a plain file while its service appends to it.

A file that is renamed, and begun anew under its old name, is read to its end; what is still
appended to it meanwhile, too. One that is cut short is a loss that is told.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pyingest.event import Stored
from pyingest.queues.followed import Followed, Mark, found_again, successors
from pyingest.queues.gauge import Gauge, Missed
from pyingest.queues.interface import QueueError

LINGER = 10.0
"""Seconds without anything new, until a file that was renamed is taken to be at its end."""
COUNTED = 4 * 1024 * 1024
"""Bytes in which what waits is counted; beyond them it is estimated by their average."""


class FileReader:
    """Reads a file of ``queue<TAB>message`` lines by a position kept beside it.

    The position is ``PATH.CURSOR.cursor``: which files by their inode, and how far. It is written
    when the next batch is asked for, so that a reader that dies gets its last batch again.
    Offsets are counted here, per queue, from 1. A line counts once its end is there.

    :raises QueueError: the directory is not there.
    """

    def __init__(
        self, path: Path, names: Sequence[str], cursor: str, from_start: bool = False
    ) -> None:
        if not path.parent.is_dir():
            raise QueueError(f"file:{path}: no such directory; name the file that is written")
        self._path = path
        self._place = path.with_name(f"{path.name}.{quote(cursor, safe='')}.cursor")
        self._names = tuple(names)
        self._from_start = from_start
        self._files: list[Followed] = []
        self._counts = dict.fromkeys(names, 0)
        self._kept = ""
        self._sought = ""
        self._attached = False
        self._missed: list[str] = []

    async def attach(self) -> None:
        """Take the position: the kept one, or the present end of the file.

        A file that is not there yet is read from its beginning when it comes.

        :raises QueueError: the file cannot be read, or the position cannot be written.
        """
        try:
            text = self._sought or self._place.read_text()
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise self._trouble(error) from None
        try:
            self._resume(text) if text else self._begin()
        except OSError as error:
            raise self._trouble(error) from None
        self._attached = True
        self._keep()

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages that were not yet returned, oldest first.

        :raises QueueError: the file cannot be read now; :class:`Missed`: some of it is gone.
        """
        if not self._attached:
            await self.attach()
        self._keep()
        try:
            self._look()
            if self._missed:
                raise Missed("; ".join(self._told()))
            return self._found(limit)
        except OSError as error:
            raise self._trouble(error) from None

    async def backlog(self) -> int:
        """Return how many messages wait; far behind, about how many.

        :raises QueueError: the file cannot be read now.
        """
        return sum(gauge.waiting for gauge in (await self.gauge()).values())

    async def gauge(self) -> dict[str, Gauge]:
        """Return how many messages wait. Who else reads a plain file is not known.

        :raises QueueError: the file cannot be read now.
        """
        if not self._attached:
            await self.attach()
        try:
            self._look()
            waiting = self._waiting()
        except OSError as error:
            raise self._trouble(error) from None
        return {name: Gauge(waiting=count, lost=0) for name, count in waiting.items()}

    def position(self) -> str:
        """Return which files are read, how far, and what was counted in them."""
        if not self._attached:
            return self._sought
        files = [astuple(file.mark()) for file in self._files]
        return json.dumps({"counts": self._counts, "files": files})

    def seek(self, position: str) -> None:
        """Go on at *position* instead of the one that is kept.

        :raises QueueError: the text is no position of a reader of files.
        """
        if position:
            self._read_position(position)
        self._sought = position

    async def detach(self) -> None:
        """Remove the position.

        :raises QueueError: it cannot be removed.
        """
        try:
            self._place.unlink(missing_ok=True)
        except OSError as error:
            raise self._trouble(error) from None
        self._kept, self._attached = "", False

    async def close(self) -> None:
        """Keep the position and close the files."""
        with suppress(QueueError):  # a successor gets the last batch again
            if self._attached:
                self._keep()
        for file in self._files:
            file.close()
        self._files.clear()
        self._attached = False

    def _begin(self) -> None:
        with suppress(FileNotFoundError):
            file = Followed(self._path)
            self._files = [file]
            if not self._from_start:
                file.to_end()

    def _resume(self, position: str) -> None:
        counts, files = self._read_position(position)
        self._counts |= {name: count for name, count in counts.items() if name in self._counts}
        for mark in files:
            path = found_again(self._path, mark)
            if path is None:
                self._missed.append(
                    f"a file of {mark.at:,} bytes and more was renamed and is gone; "
                    "what it held behind them was not read"
                )
                continue
            self._files.append(Followed(path, mark.at))

    def _read_position(self, text: str) -> tuple[dict[str, int], list[Mark]]:
        try:
            told: dict[str, Any] = json.loads(text)
            counts = {str(name): int(count) for name, count in told["counts"].items()}
            return counts, [Mark(int(i), int(at), str(head)) for i, at, head in told["files"]]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise QueueError(
                f"file:{self._path}: {self._place.name} is no position; remove it to begin anew"
            ) from None

    def _look(self) -> None:
        """Notice files that were renamed, begun, or cut short."""
        self._files += [Followed(path) for path in successors(self._path, self._files)]
        for file in self._files:
            lost = file.shrunk()
            if lost:
                self._missed.append(
                    f"{file.path.name} was cut short at {lost:,} bytes that were read; what was "
                    "written since then and removed is lost: rotate by renaming instead"
                )
        for file in self._files[:-1]:
            if file.quiet_for(time.monotonic()) > LINGER:
                if rest := file.left():
                    self._missed.append(f"{file.path.name} ends in half a message ({rest} bytes)")
                file.close()
                self._files.remove(file)

    def _found(self, limit: int) -> list[Stored]:
        found: list[Stored] = []
        for file in self._files:
            while len(found) < limit and (lines := file.lines(limit - len(found))):
                found += self._messages(lines)
        return found

    def _messages(self, lines: Sequence[bytes]) -> Iterator[Stored]:
        for line in lines:
            queue, tab, body = line.partition(b"\t")
            name = queue.decode("utf-8", "replace")
            if not tab:
                self._missed.append(f"a line that is no message: {line[:40]!r}")
            elif name in self._counts:
                self._counts[name] += 1
                yield Stored(name, self._counts[name], body)

    def _waiting(self) -> dict[str, int]:
        waiting = dict.fromkeys(self._names, 0)
        for file in self._files:
            seen = 0
            for line in file.ahead(COUNTED):
                seen += len(line) + 1
                name = line.partition(b"\t")[0].decode("utf-8", "replace")
                if name in waiting:
                    waiting[name] += 1
            if seen and file.left() > 2 * COUNTED:
                scale = file.left() / seen
                waiting = {name: round(count * scale) for name, count in waiting.items()}
        return waiting

    def _told(self) -> list[str]:
        told, self._missed = self._missed, []
        return [f"file:{self._path}: {told[0]}", *told[1:]]

    def _keep(self) -> None:
        position = self.position()
        if position == self._kept:
            return
        partial = self._place.with_name(f"{self._place.name}.partial")
        try:
            partial.write_text(position)
            partial.replace(self._place)
        except OSError as error:
            raise QueueError(
                f"file:{self._path}: the position {self._place} cannot be written "
                f"({error.strerror}); let this user write in that directory"
            ) from None
        self._kept = position

    def _trouble(self, error: OSError) -> QueueError:
        return QueueError(f"file:{self._path}: cannot be read ({error.strerror})")
