"""Records to events: each is cleaned, and what is wrong with the others is kept."""

import json
from dataclasses import dataclass

import msgspec

from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.cleaning.times import seconds
from pyingest.contract.outcome import (
    NO_JSON,
    NO_TOKEN,
    TOO_OLD,
    Outcome,
    Problem,
)
from pyingest.contract.records import BadLine, Records
from pyingest.contract.settings import ContractSettings
from pyingest.event import Event
from pyingest.ingest import Rejected
from pyingest.routing import Endpoint
from pyingest.wire.term import Term

_UNREADABLE = Refused(NO_JSON, message=NO_JSON)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the records of one request."""

    events: tuple[Event, ...]
    tokens: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    outcome: Outcome


def judge(found: Records, around: Circumstances, settings: ContractSettings) -> Judged:
    """Return what becomes of each of *found*."""
    events: list[Event] = []
    tokens: list[str] = []
    rejected: list[Rejected] = []
    problems: list[Problem] = []
    queue = settings.queues.name(around.endpoint)
    for index, record in enumerate(found):
        result = _judged(record, around, settings)
        if isinstance(result, Cleaned):
            events.append(Event(queue, result.body, result.key, result.id))
            tokens.append(result.token)
        elif isinstance(result, Refused):
            problems.append(Problem(index, result))
            rejected.append(_rejected(record, result, around.endpoint))
    outcome = Outcome(len(found) - len(problems), tuple(problems))
    return Judged(tuple(events), tuple(tokens), tuple(rejected), outcome)


def _judged(
    record: Term, around: Circumstances, settings: ContractSettings
) -> Cleaned | Refused | Dropped:
    if isinstance(record, BadLine):
        return _UNREADABLE
    result = settings.clean(record, around)
    if not isinstance(result, Cleaned):
        return result
    if not settings.tokens.permit(result.token):
        return Refused(NO_TOKEN, "properties.token", NO_TOKEN, token=result.token)
    window = settings.track_window
    if window is not None and around.endpoint is Endpoint.TRACK:
        stamp = seconds((record.get("properties") or {}).get("time"))
        if stamp is not None and stamp < around.now - window:
            return Refused(TOO_OLD, "properties.time", TOO_OLD, token=result.token)
    return result


def _rejected(record: Term, refused: Refused, endpoint: Endpoint) -> Rejected:
    body = record.text if isinstance(record, BadLine) else _written(record)
    return Rejected(endpoint.value, refused.reason, body, refused.token)


def _written(record: Term) -> bytes:
    """Return *record* as JSON, so that a person can mend it and send it again."""
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return json.dumps(record, separators=(",", ":"), default=repr).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        return b""
