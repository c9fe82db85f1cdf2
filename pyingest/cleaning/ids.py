"""Which ids are good ones: C9 and C22."""

import re
from hashlib import blake2b

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.identity import text_of

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


def allowed_ids(draft: Draft) -> Outcome:
    """C9. Strict: a ``distinct_id`` must be there, and neither it nor ``$insert_id`` may be a word
    for nobody: anonymous, null, 0, undefined and others.

    Source: the vendor's reference.
    """
    if not draft.circumstances.strict or draft.special:
        return None
    if "distinct_id" not in draft.fields:
        return draft.refused("distinct_id, missing or empty", "distinct_id", _MISSING)
    for name in ("distinct_id", "$insert_id"):
        if text_of(draft.fields.get(name)) in _DISALLOWED:
            return draft.refused(f"{name}, not allowed", name, "must identify something")
    return None


def insert_id(draft: Draft) -> Outcome:
    """C22. ``$insert_id`` is 1 to 36 letters, digits or dashes. Another is refused (strict) or
    hashed; where there is none, one is made that never marks a repeat.

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
        draft.notes.append("insert_id")
    else:
        text = "sv-" + draft.settings.new_id()
        draft.beside["insert_id_made"] = True
        draft.notes.append("insert_id")
    draft.fields["$insert_id"] = draft.insert_id or text
    return None
