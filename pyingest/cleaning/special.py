"""Events that join identities (C25): they need neither a time nor an ``$insert_id``."""

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.identity import text_of

_NO_PERSON = "distinct_id, missing or empty"


def special_event(draft: Draft) -> Outcome:
    """C25. ``$create_alias``, ``$identify`` and ``$merge`` need their ids, but neither ``time``
    nor ``$insert_id``; their order is kept with the identity that they join to.

    Browsers and phones name the ids of ``$identify`` ``distinct_id`` and ``$anon_distinct_id``.

    Source: the vendor's reference; the replies as reported; bytes of real clients.
    """
    rule = _RULES.get(draft.name)
    if rule is None:
        return None
    draft.special = True
    return rule(draft)


def _alias(draft: Draft) -> Outcome:
    draft.person = _id(draft, "distinct_id")
    if not draft.person:
        return draft.refused(_NO_PERSON, "distinct_id", "must not be missing")
    if not _id(draft, "alias"):
        return draft.refused("alias, missing or empty", "alias", "must not be missing")
    return None


def _identify(draft: Draft) -> Outcome:
    draft.person = _id(draft, "$identified_id") or _id(draft, "distinct_id")
    if not draft.person:
        return draft.refused(_NO_PERSON, "$identified_id", "must not be missing")
    anonymous = _id(draft, "$anon_id") or _id(draft, "$anon_distinct_id")
    if not anonymous and draft.circumstances.strict:
        return draft.refused("$anon_id, missing or empty", "$anon_id", "must not be missing")
    return None


def _merge(draft: Draft) -> Outcome:
    found = draft.fields.get("$distinct_ids")
    ids = [text_of(item) for item in found] if isinstance(found, list) else []
    if len(ids) != 2 or not all(ids):
        reason = "$distinct_ids, must be a list of two ids"
        return draft.refused(reason, "$distinct_ids", "must be a list of two ids")
    draft.fields["$distinct_ids"] = ids
    draft.person = ids[0] or ""
    return None


def _id(draft: Draft, name: str) -> str:
    """Return the field *name* as text, and store it as such; empty if there is none."""
    text = text_of(draft.fields.get(name))
    if text:
        draft.fields[name] = text
    return text or ""


_RULES = {"$create_alias": _alias, "$identify": _identify, "$merge": _merge}
