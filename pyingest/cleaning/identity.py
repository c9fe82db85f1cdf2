"""What a record is: its project, its name, its person, its id (C6-C8, C10, C23, C24)."""

import re
from dataclasses import replace
from hashlib import blake2b

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.mending import well_formed
from pyingest.cleaning.record import Dropped
from pyingest.routing import Endpoint
from pyingest.wire.term import Term

LONGEST = 255
"""Characters of a name, an id or a text value."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MISSING = "must not be missing"


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
    """C6. The project's token is text without blanks around it, and moves to the envelope.

    A number counts as text; a record without one is its credential's.

    Source: the vendor's
    reference ("missing or empty"); trimming as PostHog does; the limits are our choice.
    """
    name = draft.sign + "token"
    found = draft.fields.pop(name, None)
    text = (text_of(found) or "").strip() or well_formed(draft.circumstances.project, [])
    if not text:
        return draft.refused(f"{name}, missing or empty", name, "must not be missing or empty")
    if len(text) > draft.settings.token_length or _CONTROL.search(text):
        return draft.refused(f"{name}, invalid", name, "must be a short text")
    if text != found:
        draft.notes.append("token")
    draft.token = text
    return None


def event_name(draft: Draft) -> Outcome:
    """C7. An event's name is text that is not blank, of 255 characters; a number becomes text.

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
    """C23. ``$ignore`` as a text or true: the record counts as good and is not stored.

    Source: the vendor's reference.
    """
    mark = draft.fields.get("$ignore")
    if mark is True or (type(mark) is str and mark):
        return Dropped("$ignore", draft.token, ("ignore",))
    return None


def person(draft: Draft) -> Outcome:
    """C8. ``distinct_id`` is text of 255 characters; a number becomes text, the rest is refused.

    ``$distinct_id`` stands in for it in an event.

    Source: the vendor's reference ("treated as a
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
    fields[name] = text
    if not draft.special:
        draft.person = text
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


def person_from_address(draft: Draft) -> Outcome:
    """C10. Without ``distinct_id``, ``ip=1`` puts a keyed hash of the address in its place.

    Source: the vendor's reference; the form of the hash is our choice.
    """
    here = draft.circumstances
    if draft.person or "distinct_id" in draft.fields or draft.special:
        return None
    if here.use_address and here.address:
        key = draft.settings.address_key[:64]
        digest = blake2b(here.address.encode(errors="replace"), digest_size=16, key=key)
        draft.fields["distinct_id"] = draft.person = "h:" + digest.hexdigest()
        draft.notes.append("person_from_address")
    return None


def reserved_names(draft: Draft) -> Outcome:
    """C24. ``bucket`` and ``$bucket`` are refused (strict) or become ``_bucket``. ``mp_`` names
    pass.

    Source: the vendor's reference reserves them; renaming is our choice.
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
        draft.notes.append("reserved_names")
    return None
