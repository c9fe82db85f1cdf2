"""The catalogue: differences between Erlang on MochiWeb and Python that are known by name.

One plain function a quirk: does it explain this difference? The first that does gives the name;
the sharper ones stand first. ``request_quirks`` looks at the request's text, for whole events and
answers; ``value_quirks`` at two values.
"""

from compare.quirk import Evidence, Quirk
from compare.request_quirks import REQUEST_QUIRKS
from compare.value_quirks import VALUE_QUIRKS

CATALOGUE: dict[str, Quirk] = {quirk.name: quirk for quirk in (*REQUEST_QUIRKS, *VALUE_QUIRKS)}


def explain(evidence: Evidence) -> Quirk | None:
    """Return the quirk that explains a difference, or ``None``: look yourself."""
    kind = evidence.difference.kind
    for quirk in CATALOGUE.values():
        if kind in quirk.kinds and quirk.explains(evidence):
            return quirk
    return None
