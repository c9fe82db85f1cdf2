"""Quirks of query strings and forms: which parameters a request has."""

from collections.abc import Callable

from compare.differing.difference import Kind
from compare.quirks.payload import Payload
from compare.quirks.quirk import EITHER, Evidence, Quirk, Stage

_WITH_HEADER = EITHER | {Kind.HEADER}
_ADDRESSES = ("properties.ip", "$ip")
_FIELDS = {Kind.FIELD_ADDED, Kind.FIELD_REMOVED}


def has_semicolon(payload: Payload) -> bool:
    """A semicolon changes what the parameters are."""
    return b";" in payload.parameters and payload.known != payload.without_semicolons


def has_blank_parameter(payload: Payload) -> bool:
    """A parameter stands first without a value, and blank values count for one side only."""
    return payload.known != payload.without_blanks


def has_fragment(payload: Payload) -> bool:
    """The target has a fragment, which is for browsers only (RFC 9112, section 3.2)."""
    return b"#" in payload.request.target


def _with_flag(test: Callable[[Payload], bool]) -> Callable[[Evidence], bool]:
    """Return *test* as a question about evidence.

    The one field of an event that hangs on a parameter is the address. Where one side adds it,
    it must be the side on which the flag ``ip`` is on.
    """

    def explains(evidence: Evidence) -> bool:
        found, payload = evidence.difference, evidence.payload
        if payload is None or not test(payload):
            return False
        if found.kind not in _FIELDS:
            return True
        here, there = payload.known.ip, payload.ported.ip
        on_sides = found.legacy is not None, found.candidate is not None
        return found.path in _ADDRESSES and (here, there) == on_sides

    return explains


QUERY_QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "address fragment",
        _WITH_HEADER | _FIELDS,
        _with_flag(has_fragment),
        "MochiWeb cuts the request target at #; urllib.parse.parse_qs and Twisted take what "
        "follows for a part of the last parameter.",
        "Cut the target at # before the query is split; no client should send one at all.",
        Stage.PARAMETERS,
    ),
    Quirk(
        "semicolon separator",
        _WITH_HEADER | _FIELDS,
        _with_flag(has_semicolon),
        "MochiWeb separates parameters at ; as well as at &; urllib.parse has not done so since "
        "Python 3.10.",
        "Split at both, for instance by replacing ; with & before parse_qsl.",
        Stage.PARAMETERS,
    ),
    Quirk(
        "blank parameter",
        _WITH_HEADER | _FIELDS,
        _with_flag(has_blank_parameter),
        "MochiWeb keeps parameters without a value, and the first occurrence counts; parse_qs "
        "drops blank values unless keep_blank_values is set.",
        "Use parse_qsl(..., keep_blank_values=True) and take the first value.",
        Stage.PARAMETERS,
    ),
)
