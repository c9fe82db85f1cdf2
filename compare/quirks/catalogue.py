"""The catalogue: differences between Erlang on MochiWeb and Python that are known by name.

One plain function a quirk: does the evidence show it? ``http_quirks``, ``query_quirks``,
``base64_quirks`` and ``json_quirks`` look at the request, for whole events and answers, and
``blame`` at whether what they find made the difference; ``value_quirks`` at two values. The
sharper ones stand first.
"""

from collections.abc import Iterator, Mapping

from compare.differing.difference import Kind
from compare.quirks.blame import blamed
from compare.quirks.quirk import Evidence, Quirk, both
from compare.quirks.request_quirks import REQUEST_QUIRKS
from compare.quirks.value_quirks import VALUE_QUIRKS, repeated_and_changed


class Catalogue(Mapping[str, Quirk]):
    """Quirks by name. It iterates over those that are known; ``a + b`` is made of two of them."""

    def __init__(self, *quirks: Quirk) -> None:
        self._known = {quirk.name: quirk for quirk in quirks}

    def __getitem__(self, name: str) -> Quirk:
        """Return a quirk, or the two that *name* joins with ``+`` as one.

        :raises KeyError: there is none of that name.
        """
        one, joint, other = name.partition(" + ")
        return both(self._known[one], self._known[other]) if joint else self._known[one]

    def __iter__(self) -> Iterator[str]:
        """Give the names of single quirks, in the order in which they are asked."""
        return iter(self._known)

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._known)


CATALOGUE = Catalogue(*REQUEST_QUIRKS, *VALUE_QUIRKS)
_OF_KIND = {kind: [quirk for quirk in CATALOGUE.values() if kind in quirk.kinds] for kind in Kind}


def explain(evidence: Evidence) -> Quirk | None:
    """Return the quirk that explains a difference, or ``None``: look yourself.

    Where one is not enough and two are, it is their composition, ``a + b``.
    """
    kind = evidence.difference.kind
    possible = _OF_KIND[kind]
    for quirk in possible:
        is_by_itself = quirk.stage is None or kind is Kind.DUPLICATE_KEY
        if is_by_itself and quirk.explains(evidence):
            return quirk
    if kind is Kind.DUPLICATE_KEY:
        found = repeated_and_changed(evidence)
    else:
        found = blamed(evidence, possible)
    match found:
        case (one, other):
            return both(one, other)
        case (one,):
            return one
    return None
