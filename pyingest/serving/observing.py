"""Observers of requests: the counters and the log."""

from collections import Counter
from functools import lru_cache

from pyingest.queues.interface import Outcome
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Counters, Family, Labels
from pyingest.serving.parts import Observed
from pyingest.serving.privacy import shown

REQUESTS = Family("mixmigrate_requests_total", "counter", "Requests answered, by path and status.")
SECONDS = Family("mixmigrate_request_seconds", "histogram", "From a whole request to its answer.")
EVENTS = Family("mixmigrate_events_total", "counter", "Events given to the queue, by outcome.")
REJECTED = Family("mixmigrate_records_rejected_total", "counter", "Records that were not stored.")
TURNED_AWAY = Family("mixmigrate_turned_away_total", "counter", "Requests refused, by limit.")
BYTES = Family("mixmigrate_request_bytes_total", "counter", "Bytes of bodies and targets.")
REQUEST_FAMILIES = (REQUESTS, SECONDS, EVENTS, REJECTED, TURNED_AWAY, BYTES)

REASONS = 100
"""Different reasons of rejection that are counted apart; they are fixed texts, normally."""


class RequestCounts:
    """Counts requests, events and what was rejected."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._reasons: set[str] = set()

    def observe(self, seen: Observed) -> None:
        """Count one request."""
        counters = self._counters
        path = _endpoint(seen.endpoint)
        counters.add(REQUESTS.name, _status(seen.endpoint, seen.status))
        counters.observe(SECONDS.name, path, seen.seconds)
        counters.add(BYTES.name, path, len(seen.request.target) + len(seen.request.body))
        outcomes = seen.outcomes
        if len(outcomes) == 1:
            counters.add(EVENTS.name, _outcome(seen.endpoint, outcomes[0]))
        else:
            for outcome, count in Counter(outcomes).items():
                counters.add(EVENTS.name, _outcome(seen.endpoint, outcome), count)
        for record in seen.decision.rejected:
            counters.add(REJECTED.name, self._reason(record.endpoint, record.reason))
        if seen.turned_away:
            counters.add(TURNED_AWAY.name, (("limit", seen.turned_away),))

    def _reason(self, endpoint: str, reason: str) -> Labels:
        """Return the labels of a rejection; of so many texts that no client can add to them."""
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS:
                reason = "other"
            self._reasons.add(reason)
        return (("endpoint", endpoint), ("reason", reason))


@lru_cache(maxsize=64)
def _endpoint(endpoint: str) -> Labels:
    return (("endpoint", endpoint),)


@lru_cache(maxsize=256)
def _status(endpoint: str, status: int) -> Labels:
    return (("endpoint", endpoint), ("status", str(status)))


@lru_cache(maxsize=256)
def _outcome(endpoint: str, outcome: Outcome) -> Labels:
    return (("endpoint", endpoint), ("outcome", outcome.value))


class AccessLog:
    """Writes a line a request, without its query string, its body and its tokens."""

    def __init__(self, log: Log, ip: str = "keep") -> None:
        self._log = log
        self._ip = ip

    def observe(self, seen: Observed) -> None:
        """Write the line."""
        path = seen.request.target.partition(b"?")[0][:200]
        self._log.access(
            peer=shown(seen.peer, self._ip),
            method=seen.request.method.decode("latin-1")[:20],
            path=path.decode("latin-1"),
            status=seen.status,
            ms=round(seen.seconds * 1000, 2),
            bytes=len(seen.request.body),
            stored=sum(outcome is Outcome.STORED for outcome in seen.outcomes),
        )


class StoreFailures:
    """Warns when events could not be stored: how many, and why."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def observe(self, seen: Observed) -> None:
        """Warn, if there is a reason."""
        bad = Counter(one.value for one in seen.outcomes if one is not Outcome.STORED)
        if bad:
            self._log.warning("not stored", endpoint=seen.endpoint, outcomes=dict(bad))
