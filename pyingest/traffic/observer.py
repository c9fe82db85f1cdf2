"""The traffic of one worker: told of each request, says who sends what."""

from collections.abc import Callable, Sequence

from pyingest.ingest import Decision
from pyingest.queues.interface import Outcome
from pyingest.traffic.history import SLICE, History
from pyingest.traffic.servers import Servers
from pyingest.traffic.slices import Slice
from pyingest.traffic.stats import Stats

CAPACITY = 128
"""Tokens that are listed. A token of more than 1/128 of the traffic is never missed."""
_LIBRARY = b'"mp_lib":"'  # 10 bytes
_LONGEST = 33
"""Bytes of a library's name, its closing quote included."""


class Traffic:
    """Counts of what came, over sliding windows and since the start, in bounded memory.

    :param now: the time in epoch seconds.
    :param capacity: the most tokens that are listed, at least 1.
    :param servers: the queue servers whose state is shown too.
    """

    def __init__(
        self, now: Callable[[], float], capacity: int = CAPACITY, servers: Servers | None = None
    ) -> None:
        self._now = now
        self._capacity = capacity
        self._servers = servers
        self._started = now()
        self._history = History(capacity)
        self._begin(self._started)

    def observe(
        self,
        decision: Decision,
        request_bytes: int,
        outcomes: Sequence[Outcome] = (),
        *,
        endpoint: str = "",
    ) -> None:
        """Count one request: what was decided, and what the queue said of each of its events.

        Takes O(1) per record and KiB. Records without a token are counted under the empty one.

        :param request_bytes: the request's size; a sender's bytes are the sum of these.
        :param endpoint: for the counts by endpoint; empty: as the records say.
        """
        now = self._now()
        if now >= self._end:
            self._turn(now)
        events, rejected = decision.events, decision.rejected
        place = self._slice
        stored = outcomes.count(Outcome.STORED)
        unstored = len(events) - stored
        name = endpoint or _endpoint(decision)
        library = _library(events[0].body) if events else b""
        place.add_request(name, library, request_bytes, stored, unstored, len(rejected))
        if unstored:
            for outcome in outcomes:
                if outcome is not Outcome.STORED:
                    place.add_outcome(outcome)
        if rejected or len(events) != 1:
            _add_senders(place, decision, request_bytes)
        else:
            tokens = decision.tokens
            place.senders.add(tokens[0] if tokens else "", 1, request_bytes)

    def stats(self) -> Stats:
        """Return what is known now. Takes as long however much was counted."""
        now = self._now()
        if now >= self._end:
            self._turn(now)
        present = self._slice.tally()
        return Stats(
            started=self._started,
            at=now,
            since_start=self._history.since_start(present),
            windows=self._history.windows(now, self._started, present),
            servers=() if self._servers is None else self._servers.states(),
        )

    def _begin(self, now: float) -> None:
        second = int(now)
        self._began = second - second % SLICE
        self._end = self._began + SLICE
        self._slice = Slice(self._capacity)

    def _turn(self, now: float) -> None:
        """Close the slice. A clock that was set back finds it open until its old end."""
        self._history.close(self._began, self._slice.tally())
        self._begin(now)


def _endpoint(decision: Decision) -> str:
    if decision.events:
        return decision.events[0].queue
    return decision.rejected[0].endpoint if decision.rejected else ""


def _library(body: bytes) -> bytes:
    """Return the library that an event names, if any."""
    start = body.find(_LIBRARY)
    if start < 0:
        return b""
    start += 10
    end = body.find(b'"', start, start + _LONGEST)
    return body[start:end] if end > 0 else b""


def _add_senders(place: Slice, decision: Decision, size: int) -> None:
    """Count a request of any number of records; bytes are shared out by records."""
    counts: dict[str, int] = {}
    tokens: Sequence[str] = decision.tokens or [""] * len(decision.events)
    for token in tokens:
        counts[token] = counts.get(token, 0) + 1
    for refused in decision.rejected:
        counts[refused.token] = counts.get(refused.token, 0) + 1
    records = len(tokens) + len(decision.rejected)
    for token, count in counts.items():
        place.senders.add(token, count, size * count // records)
    for refused in decision.rejected:
        place.add_rejected(refused)
