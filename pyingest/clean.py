"""The cleaning rules, one plain function each: what an event needs, and what is added to it.

Where a key comes twice, its first value counts, and both stay.
"""

from pyingest.wire.term import IllFormed, Object, Term, is_integer

NO_EVENT = "event, missing"
NO_TOKEN = "token, missing or empty"
NO_PROFILE_TOKEN = "$token, missing or empty"
NO_DISTINCT_ID = "$distinct_id, missing or empty"

Fields = dict[str, Term] | Object


def is_object(term: Term) -> bool:
    """Say whether *term* is a JSON object."""
    return isinstance(term, dict | Object)


def is_text(term: Term) -> bool:
    """Say whether *term* is a string that is not empty."""
    return (isinstance(term, str) and term != "") or isinstance(term, IllFormed)


def track_problem(event: Fields) -> str | None:
    """Return what an event for ``/track`` lacks, the name before the token."""
    if not is_text(event.get("event")):
        return NO_EVENT
    properties: Term = event.get("properties")
    if not is_object(properties) or not is_text(properties.get("token")):
        return NO_TOKEN
    return None


def engage_problem(update: Fields) -> str | None:
    """Return what an update for ``/engage`` lacks, the token before the person."""
    if not is_text(update.get("$token")):
        return NO_PROFILE_TOKEN
    person = update.get("$distinct_id")
    if not is_text(person) and not is_integer(person):
        return NO_DISTINCT_ID
    return None


def stamp_track(event: Fields, ip: str | IllFormed | None, seconds: int) -> None:
    """Append ``ip`` (unless ``None``) and ``time`` to the properties that have none."""
    properties: Term = event.get("properties")
    _append(properties, "ip", ip)
    _append(properties, "time", seconds)


def stamp_engage(update: Fields, ip: str | IllFormed | None, seconds: int) -> None:
    """Append ``$ip`` (unless ``None``) and ``$time`` to an update that has none."""
    _append(update, "$ip", ip)
    _append(update, "$time", seconds)


def _append(fields: Fields, key: str, value: Term) -> None:
    if value is not None and key not in fields:
        fields[key] = value
