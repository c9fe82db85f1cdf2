"""One difference as plain values: what the condition of an acceptance is asked about."""

from collections.abc import Callable, Collection, Mapping

from compare.differing.canonical import Unparsable, parse
from compare.differing.difference import Difference
from compare.policy.condition import ROOTS
from pyingest.wire.term import Object


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
    record: dict[str, object] = {"diff": [valued(told(difference))]}
    if "request" in roots:
        record["request"] = dict(request())
    if not {"legacy", "candidate", "properties"}.isdisjoint(roots):
        record |= events_of(legacy, candidate)
    return record


def told(difference: Difference) -> dict[str, object]:
    """Return a difference; both sides as texts, as reports print them."""
    told: dict[str, object] = {"kind": difference.kind.value, "path": difference.path}
    if difference.legacy is not None:
        told["legacy"] = difference.legacy
    if difference.candidate is not None:
        told["candidate"] = difference.candidate
    return told


def valued(said: Mapping[str, object]) -> dict[str, object]:
    """Return a difference with both sides as values, where their texts are JSON."""
    values = {name: _value(text) for name, text in said.items() if name in ("legacy", "candidate")}
    return {**said, **values}


def _value(text: object) -> object:
    """Return the value that a text is in JSON, or the text: of a header, or of one cut short."""
    term = parse(str(text).encode("utf-8", "surrogatepass"))
    return text if isinstance(term, Unparsable) else term


def events_of(legacy: bytes | None, candidate: bytes | None) -> dict[str, object]:
    """Return both events as values, and ``properties``: legacy's, or the candidate's if it has
    none. What is not there, or is no JSON, is left out."""
    events: dict[str, object] = {}
    for name, body in (("legacy", legacy), ("candidate", candidate)):
        term = parse(body) if body is not None else None
        if body is not None and not isinstance(term, Unparsable):
            events[name] = term
    whole = events.get("legacy", events.get("candidate"))
    holder = whole.get("properties") if isinstance(whole, dict | Object) else None
    if isinstance(holder, dict | Object):
        events["properties"] = holder
    return events
