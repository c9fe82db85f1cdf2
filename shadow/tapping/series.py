"""The time series of the queues: a line of JSON for each queue and second, ``queues.jsonl``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

FILE, BEFORE = "queues.jsonl", "queues.before.jsonl"
LONGEST = 64 * 1024 * 1024
"""Bytes after which a file is begun anew, about a day; the one before is kept, older ones not."""


class Series:
    """Appends lines to a file; a disk that does not take them is noted, and harms nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.error = ""
        """Why the last lines are not in the file."""

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append *lines* with one write."""
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(data)
                is_full = file.tell() > LONGEST
            if is_full:
                self._path.replace(self._path.with_name(BEFORE))
            self.error = ""
        except OSError as error:
            self.error = f"{self._path}: {error.strerror}"
