"""What a record is: its project, its name, its person, its id (C6-C10, C22-C25)."""

import re
from dataclasses import replace
from hashlib import blake2b

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.record import Dropped
from pyingest.routing import Endpoint
from pyingest.wire.term import Term

LONGEST = 255
"""Characters of a name, an id or a text value."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_MISSING = "must not be missing"
_DISALLOWED = frozenset(
    [
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    ]
)


def text_of(term: Term) -> str | None:
    """Return a text or a number as text, and ``None`` for what is neither."""
    kind = type(term)
    if kind is str:
        text: str = term
    elif kind is int:
        text = str(term)
    elif kind is float and term - term == 0:
        text = repr(term)
    else:
        return None
    return text[:LONGEST]


def token(draft: Draft) -> Outcome:
    """C6. The project's token is text without blanks around it, kept beside the properties.

    A number counts as text; a record without one is its credential's. Source: the vendor's
    reference ("missing or empty"); trimming as PostHog does; the limits are our choice.
    """
    name = draft.sign + "token"
    found = draft.fields.pop(name, None)
    text = (text_of(found) or "").strip() or draft.circumstances.project
    if not text:
        return draft.refused(f"{name}, missing or empty", name, "must not be missing or empty")
    if len(text) > draft.settings.token_length or _CONTROL.search(text):
        return draft.refused(f"{name}, invalid", name, "must be a short text")
    if text != found:
        draft.notes.append("token")
    draft.token = text
    return None


def event_name(draft: Draft) -> Outcome:
    """C7. An event's name is text that is not blank; a number becomes text; 255 characters stay.

    Source: the vendor's reference; the reply as reported; numbers are our choice.
    """
    found = draft.record.get("event")
    text = text_of(found)
    if text is None or not text.strip():
        message = "'event' must not be missing or blank"
        return replace(draft.refused("event, missing"), field="event", message=message)
    if text != found:
        draft.notes.append("event_name")
    draft.name = text
    return None


def ignored(draft: Draft) -> Outcome:
    """C23. ``$ignore`` with a text or true: counts as good, and is not stored.

    Source: the vendor's reference.
    """
    mark = draft.fields.get("$ignore")
    if mark is True or (type(mark) is str and mark):
        return Dropped("$ignore", draft.token, ("ignore",))
    return None


def person(draft: Draft) -> Outcome:
    """C8. ``distinct_id`` is text: numbers become text, other things are refused; 255 characters.

    ``$distinct_id`` stands in for it in an event. Source: the vendor's reference ("treated as a
    string"), as PostHog does.
    """
    fields, name = draft.fields, draft.sign + "distinct_id"
    found = fields.get(name)
    if found is None and not draft.sign and fields.get("$distinct_id") is not None:
        found = fields.pop("$distinct_id")
        draft.notes.append("distinct_id")
    if found is None or (type(found) is float and found != found):
        fields.pop(name, None)
        return None
    text = text_of(found)
    if text is None:
        return draft.refused(f"{name}, must be text or a number", name, "must be a string")
    if text != found:
        draft.notes.append("distinct_id")
    fields[name] = draft.person = text
    return None


def profile(draft: Draft) -> Outcome:
    """Say of whom an update speaks: a person by ``$distinct_id``, a group by its key and id.

    Each is text as in C8, and not empty. Source: the vendor's reference; replies as reported.
    """
    is_group = draft.circumstances.endpoint is Endpoint.GROUPS
    names = ("$group_key", "$group_id") if is_group else ("$distinct_id",)
    parts = []
    for name in names:
        found = draft.fields.get(name)
        text = text_of(found)
        if not text:
            return draft.refused(f"{name}, missing or empty", name, _MISSING)
        if text != found:
            draft.notes.append("distinct_id")
        draft.fields[name] = text
        parts.append(text)
    draft.person = ":".join(parts)
    return None


def allowed_person(draft: Draft) -> Outcome:
    """C9. Strict only: a ``distinct_id`` is there, and is none of those that stand for nobody.

    The same words are no ``$insert_id``. Source: the vendor's reference.
    """
    if not draft.circumstances.strict or draft.special:
        return None
    if "distinct_id" not in draft.fields:
        return draft.refused("distinct_id, missing or empty", "distinct_id", _MISSING)
    for name in ("distinct_id", "$insert_id"):
        if text_of(draft.fields.get(name)) in _DISALLOWED:
            return draft.refused(f"{name}, not allowed", name, "must identify something")
    return None


def person_from_address(draft: Draft) -> Outcome:
    """C10. No ``distinct_id`` and ``ip=1``: a keyed hash of the address stands in.

    Source: the vendor's reference; the form of the hash is our choice.
    """
    here = draft.circumstances
    if draft.person or "distinct_id" in draft.fields or draft.special:
        return None
    if here.use_address and here.address:
        key = draft.settings.address_key[:64]
        digest = blake2b(here.address.encode(errors="replace"), digest_size=16, key=key)
        draft.fields["distinct_id"] = draft.person = "h:" + digest.hexdigest()
        draft.notes.append("distinct_id_from_address")
    return None


def insert_id(draft: Draft) -> Outcome:
    """C22. ``$insert_id``: up to 36 letters, digits and ``-`` stay; without one, one is made.

    A made one never marks a repeat. One that breaks the rule is refused (strict) or hashed.
    Source: the vendor's reference; making and hashing are our choice.
    """
    found = draft.fields.get("$insert_id")
    text = text_of(found)
    strict = draft.circumstances.strict and not draft.special
    if text and _INSERT_ID.fullmatch(text):
        draft.insert_id = text
    elif strict:
        wrong = _MISSING if found in (None, "") else "must be 1 to 36 letters, digits or dashes"
        return draft.refused("$insert_id, invalid", "$insert_id", wrong)
    elif text:
        whole = found if isinstance(found, str) else text
        draft.insert_id = blake2b(whole.encode(), digest_size=16).hexdigest()
        draft.notes.append("insert_id_hashed")
    else:
        text = "sv-" + draft.settings.new_id()
        draft.beside["insert_id_made"] = True
        draft.notes.append("insert_id_made")
    draft.fields["$insert_id"] = draft.insert_id or text
    return None


def reserved_names(draft: Draft) -> Outcome:
    """C24. ``bucket`` and ``$bucket`` are refused (strict) or get ``_`` in front.

    ``mp_`` names pass. Source: the vendor's reference reserves them; renaming is our choice.
    """
    fields = draft.fields
    for name in ("bucket", "$bucket"):
        if name not in fields:
            continue
        if draft.circumstances.strict:
            return draft.refused(f"{name}, reserved", name, "the name is reserved")
        free = "_bucket"
        while free in fields:
            free = "_" + free
        fields[free] = fields.pop(name)
        draft.notes.append("reserved_name")
    return None
