"""Observers of requests: the counters and the log."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pyingest.queues.interface import Outcome
from pyingest.serving.logs import Log, token_hash
from pyingest.serving.metrics import Counters, Family, Labels
from pyingest.serving.parts import Observed, Totals
from pyingest.serving.privacy import shown

REQUESTS = Family("mixmigrate_requests_total", "counter", "Requests answered, by path and status.")
SECONDS = Family("mixmigrate_request_seconds", "histogram", "From a whole request to its answer.")
EVENTS = Family("mixmigrate_events_total", "counter", "Events given to the queue, by outcome.")
REJECTED = Family("mixmigrate_records_rejected_total", "counter", "Records that were not stored.")
TURNED_AWAY = Family("mixmigrate_turned_away_total", "counter", "Requests refused, by limit.")
BYTES = Family("mixmigrate_request_bytes_total", "counter", "Bytes of bodies and targets.")
REQUEST_FAMILIES = (REQUESTS, SECONDS, EVENTS, REJECTED, TURNED_AWAY, BYTES)

SHOWN = 5
"""Tokens of one request that a log line names."""
REASONS = 100
"""Different reasons of rejection that are counted apart; they are fixed texts, normally."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the requests of one endpoint and status are counted."""

    requests: list[float]
    seconds: list[float]
    bytes: list[float]


class RequestCounts:
    """Counts requests, events and what was rejected."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._cells: dict[tuple[str, int], _Cells] = {}
        self._outcomes: dict[tuple[str, Outcome], list[float]] = {}
        self._reasons: set[str] = set()

    def observe(self, seen: Observed) -> None:
        """Count one request."""
        key = seen.endpoint, seen.status
        cells = self._cells.get(key) or self._new_cells(*key)
        cells.requests[0] += 1
        cells.bytes[0] += seen.size
        self._counters.put(cells.seconds, seen.seconds)
        for outcome in seen.outcomes:
            found = seen.endpoint, outcome
            (self._outcomes.get(found) or self._new_outcome(*found))[0] += 1
        for record in seen.decision.rejected:
            labels = self._reason(record.endpoint or seen.endpoint, record.reason)
            self._counters.add(REJECTED.name, labels)
        if seen.turned_away:
            self._counters.add(TURNED_AWAY.name, (("limit", seen.turned_away),))

    def _new_cells(self, endpoint: str, status: int) -> _Cells:
        counters, path = self._counters, (("endpoint", endpoint),)
        cells = self._cells[endpoint, status] = _Cells(
            counters.cell(REQUESTS.name, (*path, ("status", str(status)))),
            counters.buckets(SECONDS.name, path),
            counters.cell(BYTES.name, path),
        )
        return cells

    def _new_outcome(self, endpoint: str, outcome: Outcome) -> list[float]:
        labels = (("endpoint", endpoint), ("outcome", outcome.value))
        cell = self._outcomes[endpoint, outcome] = self._counters.cell(EVENTS.name, labels)
        return cell

    def observe_many(self, endpoint: str, totals: Totals) -> None:
        """Count requests that all went well but for the queue."""
        cells = self._cells.get((endpoint, 200)) or self._new_cells(endpoint, 200)
        cells.requests[0] += len(totals.seconds)
        cells.bytes[0] += totals.size
        self._counters.put_all(cells.seconds, totals.seconds)
        for outcome, count in (
            Counter(totals.others) + Counter({Outcome.STORED: totals.stored})
        ).items():
            found = endpoint, outcome
            (self._outcomes.get(found) or self._new_outcome(*found))[0] += count

    def _reason(self, endpoint: str, reason: str) -> Labels:
        """Return the labels of a rejection; of so many texts that no client can add to them."""
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS:
                reason = "other"
            self._reasons.add(reason)
        return (("endpoint", endpoint), ("reason", reason))


class AccessLog:
    """Writes a line a request, without its query string, its body and its tokens."""

    def __init__(self, log: Log, ip: str = "keep") -> None:
        self._log = log
        self._ip = ip

    def observe(self, seen: Observed) -> None:
        """Write the line."""
        self._log.access(
            peer=shown(seen.peer, self._ip),
            method=seen.method[:20].decode("latin-1"),
            path=seen.path[:200].decode("latin-1"),
            status=seen.status,
            ms=round(seen.seconds * 1000, 2),
            bytes=seen.size,
            stored=sum(outcome is Outcome.STORED for outcome in seen.outcomes),
        )


class Refusals:
    """Says which projects are turned away, without telling their tokens."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def observe(self, seen: Observed) -> None:
        """Say so, if one was."""
        if seen.turned_away in ("rate", "token"):
            decision = seen.decision
            tokens = {*decision.tokens, *(record.token for record in decision.rejected)} - {""}
            hashes = sorted(map(token_hash, tokens))[:SHOWN]
            self._log.warning("turned away", limit=seen.turned_away, tokens=hashes)

    def observe_many(self, endpoint: str, totals: Totals) -> None:
        """Nothing to say: the quick way answers only what is not turned away."""


class StoreFailures:
    """Warns when events could not be stored: how many, and why."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def observe(self, seen: Observed) -> None:
        """Warn, if there is a reason."""
        self._warn(seen.endpoint, seen.outcomes)

    def observe_many(self, endpoint: str, totals: Totals) -> None:
        """Warn, if there is a reason."""
        self._warn(endpoint, totals.others)

    def _warn(self, endpoint: str, outcomes: Sequence[Outcome]) -> None:
        bad = Counter(one.value for one in outcomes if one is not Outcome.STORED)
        if bad:
            self._log.warning("not stored", endpoint=endpoint, outcomes=dict(bad))
