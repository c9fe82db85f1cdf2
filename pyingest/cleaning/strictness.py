"""What a strict request is told of a value that a lenient one gets mended."""

from collections.abc import Iterator

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.mending import UTF8, plain
from pyingest.cleaning.values import FINITE, LIMIT, Limits, tidy_object
from pyingest.wire.term import Object, Term

_WRONG = {
    UTF8: "string should be valid utf8",
    FINITE: "must be a finite number",
    LIMIT: "must keep to the limits of number, size and depth",
}


def strict_refusal(draft: Draft, limits: Limits) -> Outcome:
    """Return a refusal if a value had to be mended by C15, C17 or C20, else ``None``.

    It names the first field that had to. ``properties.<name> is invalid: string should be valid
    utf8`` has no quotation marks in the vendor's reference either.
    """
    rule = next((rule for rule in _WRONG if rule in draft.notes), None)
    if rule is None or not draft.circumstances.strict:
        return None
    field = _field(draft, rule, limits)
    wrong = _WRONG[rule]
    if rule == UTF8 and field:
        return draft.refused("data, invalid UTF-8", field, wrong, quoted=False)
    return draft.refused(f"{field or 'record'}, invalid", field, wrong)


def _field(draft: Draft, rule: str, limits: Limits) -> str:
    """Return the name of the first field that *rule* had to mend; empty if it is none alone."""
    for path, name, value in _values(draft):
        notes: list[str] = []
        tidy_object({name: plain(value, notes)}, limits, notes)
        plain(path, notes)
        if rule in notes:
            return str(plain(path, []))
    return ""


def _values(draft: Draft) -> Iterator[tuple[str, str, Term]]:
    """Give each value of an event's properties, or of an update's operations, with its path."""
    source = draft.original
    if not draft.sign:
        properties = source.get("properties")
        source = properties if isinstance(properties, dict | Object) else {}
    for name, value in source.items():
        label = name if isinstance(name, str) else str(plain(name, []))
        if draft.sign and isinstance(value, dict | Object):
            for inner, held in value.items():
                yield f"{label}.{inner}", str(inner), held
        else:
            yield label, label, value
