"""Stand-ins for the cleaning of a record, for tests of the contract alone."""

import json

from pyingest.clean import engage_problem, is_object, track_problem
from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.contract.outcome import NO_DATA, NO_OBJECT
from pyingest.contract.settings import ContractSettings
from pyingest.routing import Endpoint
from pyingest.wire.term import Term, Unreadable

_EVENTS = (Endpoint.TRACK, Endpoint.IMPORT)


def decode(text: bytes) -> Term | Unreadable:
    """Return the value of *text* as the standard library reads it."""
    try:
        return json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Unreadable(str(error))


def clean(record: Term, around: Circumstances) -> Cleaned | Refused | Dropped:
    """Return *record* as it is, if it has what it needs by the rules of the classic contract."""
    if record is not None and not is_object(record):
        return Refused(NO_OBJECT, message=NO_OBJECT)
    if record == {} and around.endpoint is Endpoint.IMPORT and not around.strict:
        return Refused(NO_DATA, message=NO_DATA)
    record = record or {}
    events = around.endpoint in _EVENTS
    problem = track_problem(record) if events else engage_problem(record)
    properties = record.get("properties") if events else record
    fields = properties if is_object(properties) else {}
    if problem == "token, missing or empty" and around.project:
        problem = None
    if problem is not None:
        return Refused(problem, "event", problem, str(fields.get("$insert_id", "")))
    if "$ignore" in fields:
        return Dropped("ignored")
    token = str(fields.get("token") or fields.get("$token") or around.project)
    person = fields.get("distinct_id") or fields.get("$distinct_id") or ""
    body = json.dumps(record, separators=(",", ":")).encode()
    return Cleaned(body, token, f"{token}:{person}".encode())


SETTINGS = ContractSettings(clean=clean, decode=decode)
"""Settings with these stand-ins."""
