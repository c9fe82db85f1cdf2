"""A running ``mixmigrate ingest`` with a queue behind it whose messages a test can read."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND
from tests.system.twins import Sink

NAMES = "events,profiles"
MARK = re.compile(rb"mark-[a-z0-9_]+-?[a-z0-9_]*")


@dataclass(frozen=True)
class Ingestion:
    """The server under test."""

    url: str
    sink: Sink
    modern: bool = False

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def messages(self) -> list[tuple[str, Any]]:
        """Return what is on the queues, decoded, in order of arrival."""
        return [(queue, json.loads(body)) for queue, body in list(self.sink.items)]

    def marks(self) -> Counter[str]:
        """Return how many messages carry each mark: a test gives every call one of its own."""
        found: Counter[str] = Counter()
        for _, body in list(self.sink.items):
            found.update({mark.decode() for mark in MARK.findall(body)})
        return found

    def settle_kinds(self, wanted: int, seconds: float = 15.0) -> set[str]:
        """Return the different marks once there are *wanted*, or when the time is over."""
        until = time.monotonic() + seconds
        while len(self.marks()) < wanted and time.monotonic() < until:
            time.sleep(0.02)
        return set(self.marks())

    def settle(self, wanted: int, seconds: float = 15.0) -> Counter[str]:
        """Return the marks once *wanted* of them came, or when the time is over."""
        until = time.monotonic() + seconds
        while self.marks().total() < wanted and time.monotonic() < until:
            time.sleep(0.02)
        return self.marks()


@contextmanager
def serving(directory: Path, *words: str) -> Iterator[Ingestion]:
    """Run the server with *words* added to its command; it is killed at the end."""
    sink = Sink()
    queue = f"kestrel://{sink.address}/{NAMES}"
    command = [*COMMAND, "ingest", "--listen", ANY_PORT, "--queue", queue, *words]
    try:
        process = ServerProcess(command, directory / "ingest.log")
        try:
            yield Ingestion(f"http://{process.address}", sink, "modern" in words)
        finally:
            process.kill()
    finally:
        sink.close()


def without_proxies() -> dict[str, str]:
    """Return this process's environment without what would lead a client elsewhere."""
    return {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
