"""One difference as plain values: what the condition of an acceptance is asked about."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from compare.canonical import Unparsable, parse
from compare.condition import ROOTS
from compare.difference import Difference
from pyingest.wire.term import Object, Term


def difference_record(
    difference: Difference,
    legacy: bytes | None,
    candidate: bytes | None,
    request: Callable[[], Mapping[str, object]],
    roots: Collection[str] = ROOTS,
) -> dict[str, object]:
    """Return the record of one difference; what no event has is absent from it.

    :param legacy: legacy's event, or ``None`` when there is none.
    :param request: gives what is known of the request; only asked when *roots* hold it.
    :param roots: what is wanted; the rest costs time.
    """
    record: dict[str, object] = {"diff": [_told(difference)]}
    if "request" in roots:
        record["request"] = dict(request())
    if not {"legacy", "candidate", "properties"}.isdisjoint(roots):
        record |= _events(legacy, candidate)
    return record


def plain(term: Term) -> object:
    """Return a value as a condition takes it: a number is a float where it is no whole number.

    Of a key that repeats the first value counts, as legacy reads it.
    """
    if isinstance(term, dict | Object):
        fields: dict[str, object] = {}
        for key, value in term.items():
            fields.setdefault(str(key), plain(value))
        return fields
    if isinstance(term, list):
        return [plain(item) for item in term]
    return float(term) if isinstance(term, Decimal) else term


def _told(difference: Difference) -> dict[str, object]:
    told: dict[str, object] = {"kind": difference.kind.value, "path": difference.path}
    if difference.legacy is not None:
        told["legacy"] = _value(difference.legacy)
    if difference.candidate is not None:
        told["candidate"] = _value(difference.candidate)
    return told


def _value(text: str) -> object:
    """Return the value that a text is in JSON, or the text: of a header, or of one cut short."""
    term = parse(text.encode("utf-8", "surrogatepass"))
    return text if isinstance(term, Unparsable) else plain(term)


def _events(legacy: bytes | None, candidate: bytes | None) -> dict[str, object]:
    events: dict[str, object] = {}
    for name, body in (("legacy", legacy), ("candidate", candidate)):
        term = parse(body) if body is not None else None
        if body is not None and not isinstance(term, Unparsable):
            events[name] = plain(term)
    whole = events.get("legacy", events.get("candidate"))
    if isinstance(whole, Mapping) and isinstance(whole.get("properties"), Mapping):
        events["properties"] = whole["properties"]
    return events
