"""A dual run that grows under a test's hand: its recording, and what its processes tell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compare.testing import GOOD_TAP
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from shadow.exchange import Answered, Exchange, Outcome, Side, TappedEvent
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest
from shadow.serving.statusfiles import DIRECTORY, write
from shadow.status import (
    BreakerStatus,
    ControlArm,
    LaneStatus,
    QueueStatus,
    SideStatus,
    Status,
)

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def requests(count: int, odd: int = 0) -> Iterator[Request]:
    """Yield *count* distinct requests; every *odd*-th has a trailing comma, none for 0."""
    for number in range(1, count + 1):
        comma = b"," if odd and number % odd == 0 else b""
        body = (
            b'data={"event":"played","properties":{"token":"t","distinct_id":"p%d","time":5,'
            b'"n":%d%b}}' % (number % 40, number, comma)
        )
        yield Request(b"POST", b"/track", FORM, body)


class GrowingRun:
    """Writes a run as proxies and taps would, at once or little by little.

    :param at: epoch seconds of the first request; each is *step* seconds after the last.
    """

    def __init__(
        self,
        directory: Path,
        at: float = 1_795_000_000.0,
        step: float = 0.01,
        candidate: Profile = STRICT,
        builds: tuple[str, str] = ("legacy 1", "candidate 2"),
    ) -> None:
        self.directory = directory
        self.at = at
        self._step = step
        self._candidate = candidate
        legacy, new = ({"url": f"http://{name}", "build": name} for name in builds)
        manifest = Manifest(created=at, partitions=4, legacy=legacy, candidate=new)
        self._writer = RunWriter(directory, manifest)
        self.number = 0

    def add(self, request: Request) -> None:
        """Record what both sides make of *request*."""
        self.number += 1
        self.at += self._step
        outcomes: list[Outcome] = []
        for side, profile in ((Side.LEGACY, MOCHIWEB), (Side.CANDIDATE, self._candidate)):
            decision = ingest(request, "127.0.0.1", int(self.at), profile, Routes())
            outcomes.append(Answered(decision.stored, 0.001))
            for event in decision.events:
                self._writer.add_event(
                    TappedEvent(side, event.queue, self.number, self.at, event.body)
                )
        legacy, candidate = outcomes
        self._writer.add_exchange(Exchange(self.number, self.at, request, legacy, candidate))

    def flush(self) -> None:
        """Put everything on disk."""
        self._writer.flush()

    def close(self) -> None:
        """End the run in order."""
        self._writer.close(self.ledger(), {side.value: GOOD_TAP for side in Side})

    def ledger(self, **others: int) -> dict[str, int]:
        """Return the ledger of what was recorded, changed by *others*."""
        count = self.number
        ledger = {"received": count, "mirrored": count, "candidate_answered": count}
        ledger |= {"legacy_answered": count, "remainder": 0, "pending": 0}
        return {**ledger, **others}

    def tell(self, status: Status) -> None:
        """Write what a process tells."""
        tell(self.directory, status)


def tell(run: Path, status: Status) -> None:
    """Write a status file of *run*, as its processes do."""
    folder = run / DIRECTORY
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, status)


def proxy_status(at: float, pid: int, count: int, **changes: Any) -> Status:
    """Return what a proxy tells that has had *count* requests, changed by *changes*."""
    ledger = {"received": count, "mirrored": count, "candidate_answered": count}
    ledger |= {"legacy_answered": count, "remainder": 0, "pending": 0}
    told: dict[str, Any] = {
        "name": "proxy-0",
        "pid": pid,
        "began": 1_700_000_000.0,
        "at": at,
        "ledger": ledger,
        "lane": LaneStatus(requests=3, bytes=900, limit_requests=100, limit_bytes=10_000),
        "breaker": BreakerStatus(),
        "sides": {
            "legacy": SideStatus(answered=count, in_flight=2, latency={80: count}),
            "candidate": SideStatus(answered=count, in_flight=1, latency={88: count}),
        },
        "arm": ControlArm(mirrored={80: count}, control={80: count // 10}),
        "memory": 50_000_000,
    }
    return Status(**{**told, **changes})


def tap_status(at: float, pid: int, count: int, **changes: Any) -> Status:
    """Return what a tap tells that has read *count* events of each side."""
    told: dict[str, Any] = {
        "name": "tap",
        "pid": pid,
        "began": 1_700_000_000.0,
        "at": at,
        "queues": {
            f"{side} events": QueueStatus(read=count, lag=4, watermark=at - 0.5, depth=12, age=0.8)
            for side in ("legacy", "candidate")
        },
    }
    return Status(**{**told, **changes})
