"""Cleaning as a function: one record in, what is stored (or why it is not) out."""

from collections.abc import Callable

from msgspec.json import Encoder

from pyingest.cleaning import enveloping, identity, ids, operations, places, special, times, values
from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.mending import plain
from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.cleaning.settings import CleaningSettings
from pyingest.cleaning.strictness import strict_refusal
from pyingest.routing import Endpoint
from pyingest.wire.term import Object, Term, Unreadable

NO_OBJECT = "data, must be an object or a list of objects"
NO_JSON = "data, invalid JSON"
NO_DATA = "data, missing or empty"
TOO_DEEP = Refused(NO_JSON, message="the record is nested too deeply")
DEFAULT = CleaningSettings()

_write = Encoder().encode
_PLAIN = frozenset({str, int, float, bool, type(None), dict, list})
_Step = Callable[[Draft], Outcome]

EVENT_STEPS: tuple[_Step, ...] = (
    identity.event_name,
    identity.token,
    identity.ignored,
    special.special_event,
    identity.person,
    ids.allowed_ids,
    identity.person_from_address,
    ids.insert_id,
    identity.reserved_names,
    *times.TIME_STEPS,
    places.event_place,
    values.event_values,
    enveloping.unknown_keys,
)
"""What is done to an event, in order."""
UPDATE_STEPS: tuple[_Step, ...] = (
    identity.token,
    identity.profile,
    identity.ignored,
    operations.has_operation,
    operations.ignore_time,
    operations.ignore_alias,
    operations.delete,
    operations.unset,
    operations.add,
    operations.union,
    times.profile_time,
    operations.transactions,
    places.profile_place,
    enveloping.unknown_keys,
    operations.update_values,
)
"""What is done to an update of a person or a group, in order."""


def clean(
    record: Term, circumstances: Circumstances, settings: CleaningSettings = DEFAULT
) -> Cleaned | Refused | Dropped:
    """Return what becomes of *record*, one event or one update. Never raises.

    *record* is a value that any decoder of ours gave, and is left as it is.
    """
    if not isinstance(record, dict | Object):
        return _no_object(record, circumstances)
    try:
        return _cleaned(record, circumstances, settings)
    except RecursionError:
        return TOO_DEEP


def _cleaned(
    record: dict[str, Term] | Object, circumstances: Circumstances, settings: CleaningSettings
) -> Cleaned | Refused | Dropped:
    is_event = circumstances.endpoint in (Endpoint.TRACK, Endpoint.IMPORT)
    notes: list[str] = []
    fields, text = _opened(record, notes)
    draft = Draft(circumstances, settings, record, fields, fields, text, notes=notes)
    problem = _event_shape(draft) if is_event else _update_shape(draft)
    if problem is None and len(text) > settings.record_bytes:
        problem = draft.refused(f"record, exceeds max of {settings.record_bytes} bytes")
    if problem is not None:
        return problem
    for step in EVENT_STEPS if is_event else UPDATE_STEPS:
        outcome = step(draft)
        if outcome is not None:
            return outcome
    if notes and circumstances.strict:
        refusal = strict_refusal(draft, values.EVENT if is_event else values.PROFILE)
        if refusal is not None:
            return refusal
    return enveloping.finished(draft)


def _no_object(record: Term, circumstances: Circumstances) -> Refused:
    """Return the refusal of what is no object; null is an event without a name."""
    if isinstance(record, Unreadable):
        return Refused(NO_JSON, message="the record is not JSON")
    wrong = "a record must be an object"
    if record is None:
        is_event = circumstances.endpoint in (Endpoint.TRACK, Endpoint.IMPORT)
        reason = "event, missing" if is_event else "$token, missing or empty"
        return Refused(reason, message=wrong)
    return Refused(NO_OBJECT, message=wrong)


def _event_shape(draft: Draft) -> Outcome:
    """Take the properties of an event apart from the rest."""
    found = draft.record.get("properties")
    here = draft.circumstances
    if not draft.record and here.endpoint is Endpoint.IMPORT and not here.strict:
        return draft.refused(NO_DATA)
    draft.where = "properties."
    if found is not None and not isinstance(found, dict):
        return draft.refused("properties, must be an object", "", "'properties' must be an object")
    draft.fields = dict(found or {})
    return None


def _update_shape(draft: Draft) -> Outcome:
    """Copy the operations of an update, which is not to change."""
    draft.sign = "$"
    draft.fields = {
        name: dict(value) if type(value) is dict else value for name, value in draft.record.items()
    }
    return None


def _opened(record: dict[str, Term] | Object, notes: list[str]) -> tuple[dict[str, Term], bytes]:
    """Return *record* in values that can be written, and its text."""
    try:
        text = _write(record)
        if isinstance(record, dict) and b"\\u0000" not in text and _is_plain(record):
            return record, text
    except (TypeError, ValueError):
        pass
    fields: dict[str, Term] = plain(record, notes)
    return fields, _write(fields)


def _is_plain(record: dict[str, Term]) -> bool:
    properties = record.get("properties")
    kinds = set(map(type, record.values()))
    if type(properties) is dict:
        kinds.update(map(type, properties.values()))
    return kinds <= _PLAIN
