"""What an update of a profile does: its operations and their values (C28-C34)."""

import re
from datetime import UTC, datetime

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.identity import text_of
from pyingest.cleaning.switches import is_on
from pyingest.cleaning.values import PROFILE, tidy, tidy_object
from pyingest.wire.term import Term

_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
OPERATIONS = (
    "$set", "$set_once", "$add", "$append", "$union", "$unset", "$remove", "$delete",
)  # fmt: skip


def has_operation(draft: Draft) -> Outcome:
    """Refuse an update that has no operation, and an operation on something that is no object."""
    named = [name for name in OPERATIONS if name in draft.fields]
    if not named:
        return draft.refused("no operation in update", "", "there is no operation in the update")
    for name in named:
        if name not in ("$unset", "$delete") and not isinstance(draft.fields[name], dict):
            return draft.refused(f"{name}, must be an object", name, "must be an object")
    return None


def ignore_time(draft: Draft) -> Outcome:
    """C28. ``$ignore_time`` is passed on as true or false: whether "last seen" is to stay.

    Source: the vendor's reference.
    """
    return _boolean(draft, "$ignore_time")


def ignore_alias(draft: Draft) -> Outcome:
    """C29. ``$ignore_alias`` is true or false; Go sends ``"true"``.

    Source: bytes of real clients.
    """
    return _boolean(draft, "$ignore_alias")


def delete(draft: Draft) -> Outcome:
    """C30. ``$delete`` is true, whatever value it came with (``""``, ``"null"``, null).

    Source: the vendor's reference; bytes of real clients.
    """
    if draft.fields.get("$delete", True) is not True:
        draft.fields["$delete"] = True
        draft.notes.append("delete")
    return None


def unset(draft: Draft) -> Outcome:
    """C31. ``$unset`` is a list of names; a text becomes a list of one, an object its names.

    Source: the vendor's reference for the list; the rest is our choice.
    """
    if "$unset" not in draft.fields:
        return None
    found = draft.fields["$unset"]
    items = list(found) if isinstance(found, list | dict) else [found]
    names = [text_of(item) for item in items]
    if None in names:
        return draft.refused("$unset, must be a list of names", "$unset", "must be a list of names")
    if names != found:
        draft.notes.append("unset")
    draft.fields["$unset"] = names
    return None


def add(draft: Draft) -> Outcome:
    """C32. ``$add`` takes numbers; the text of one becomes a number, the rest is refused.

    Source: the vendor's reference; converting is our choice.
    """
    if "$add" not in draft.fields:
        return None
    found = draft.fields["$add"]
    numbers = {name: _number(value) for name, value in found.items()}
    if None in numbers.values():
        return draft.refused("$add, values must be numeric", "$add", "values must be numeric")
    if numbers != found:
        draft.notes.append("add")
    draft.fields["$add"] = numbers
    return None


def union(draft: Draft) -> Outcome:
    """C33. ``$union`` takes lists; another value becomes a list of one. ``$append`` and ``$remove``
    take one value a name, which may be a list.

    Source: the vendor's reference.
    """
    if "$union" not in draft.fields:
        return None
    found = draft.fields["$union"]
    lists = {name: value if isinstance(value, list) else [value] for name, value in found.items()}
    if lists != found:
        draft.notes.append("union")
    draft.fields["$union"] = lists
    return None


def transactions(draft: Draft) -> Outcome:
    """C34. A transaction (``$append``, ``$set``) without ``$time`` gets that of the update.

    Source: bytes of real clients; our choice.
    """
    for name in ("$append", "$set"):
        held = draft.fields.get(name) or {}
        found = held.get("$transactions")
        if isinstance(found, list):
            held["$transactions"] = [_timed(one, draft) for one in found]
        elif found is not None:
            held["$transactions"] = _timed(found, draft)
    return None


def update_values(draft: Draft) -> Outcome:
    """Hold the values of an update to C14-C17."""
    for name, value in draft.fields.items():
        if isinstance(value, dict):
            draft.fields[name] = tidy_object(value, PROFILE, draft.notes)
        else:
            draft.fields[name] = tidy(value, PROFILE, draft.notes)
    return None


def _timed(transaction: Term, draft: Draft) -> Term:
    if not isinstance(transaction, dict) or transaction.get("$time") is not None:
        return transaction
    draft.notes.append("transactions")
    return transaction | {"$time": _iso(draft.fields["$time"])}


def _boolean(draft: Draft, name: str) -> Outcome:
    found = draft.fields.get(name)
    if isinstance(found, str):
        draft.fields[name] = is_on(found)
        draft.notes.append(name[1:])
    return None


def _number(value: Term) -> Term:
    """Return *value* as a number, or ``None`` if it is not the text of a finite one."""
    if type(value) is int:
        return value
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        value = float(value) if set(value) & set(".eE") else int(value)
    finite = type(value) is int or (type(value) is float and value - value == 0)
    return value if finite else None


def _iso(stamp: float) -> str:
    """Return epoch seconds as a date and time in UTC, to the second."""
    try:
        return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00"
