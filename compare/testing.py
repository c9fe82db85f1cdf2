"""Recorded runs for tests: made of values, or by two profiles of ``pyingest`` on given requests."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from shadow.exchange import Answered, Exchange, NotMirrored, Outcome, Side, TappedEvent
from shadow.recording import Manifest, RunReader, RunWriter

GOOD_TAP = {"attached": True, "read": 0, "backlog": 0, "errors": 0, "error": ""}


def recorded(
    directory: Path,
    exchanges: Iterable[Exchange],
    events: Iterable[TappedEvent],
    taps: Mapping[str, dict[str, Any]] | None = None,
) -> RunReader:
    """Return a run of these exchanges and events, written to *directory* and opened."""
    writer = RunWriter(directory, Manifest(created=0.0))
    mirrored = 0
    for exchange in exchanges:
        writer.add_exchange(exchange)
        mirrored += not isinstance(exchange.candidate, NotMirrored)
    for event in events:
        writer.add_event(event)
    told = {side.value: GOOD_TAP for side in Side} if taps is None else dict(taps)
    writer.close({"mirrored": mirrored}, told)
    return RunReader(directory)


def dual_run(
    directory: Path, requests: Iterable[Request], candidate: Profile = STRICT, lag: float = 0.0
) -> RunReader:
    """Return the run of *requests* through legacy's profile and *candidate*.

    Requests are a second apart, from second 1000 on; the candidate gets each *lag* seconds later.
    """
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number, request in enumerate(requests, 1):
        outcomes: list[Outcome] = []
        for side, profile in ((Side.LEGACY, MOCHIWEB), (Side.CANDIDATE, candidate)):
            at = 1000.0 + number + (lag if side is Side.CANDIDATE else 0.0)
            decision = ingest(request, "127.0.0.1", at, profile, Routes())
            outcomes.append(Answered(decision.stored, 0.001))
            events += [
                TappedEvent(side, event.queue, len(events), at, event.body)
                for event in decision.events
            ]
        exchanges.append(Exchange(number, 1000.0 + number, request, *outcomes))
    return recorded(directory, exchanges, events)
