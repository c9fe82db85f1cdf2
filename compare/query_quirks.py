"""Quirks of query strings and forms: which parameters a request has."""

from compare.difference import Kind
from compare.payload import Payload
from compare.quirk import EITHER, Evidence, Quirk, Stage, of_payload

_WITH_HEADER = EITHER | {Kind.HEADER}
_ADDRESSES = ("properties.ip", "$ip")
_FIELDS = {Kind.FIELD_ADDED, Kind.FIELD_REMOVED}


def has_semicolon(payload: Payload) -> bool:
    """A semicolon changes what the parameters are."""
    return b";" in payload.parameters and payload.known != payload.without_semicolons


def has_blank_parameter(payload: Payload) -> bool:
    """A parameter stands first without a value, and blank values count for one side only."""
    return payload.known != payload.without_blanks


def _of_flag(shows: bool, evidence: Evidence) -> bool:
    """Say whether *shows*, for an address that one side adds also that only its flag ``ip`` is on.

    That is the one field of an event that hangs on a parameter.
    """
    found, payload = evidence.difference, evidence.payload
    if found.kind not in _FIELDS:
        return shows
    if payload is None or found.path not in _ADDRESSES:
        return False
    here, there = payload.known.ip, payload.ported.ip
    return shows and (here, there) == (found.legacy is not None, found.candidate is not None)


def _is_semicolon(evidence: Evidence) -> bool:
    return _of_flag(of_payload(has_semicolon)(evidence), evidence)


def _is_blank_parameter(evidence: Evidence) -> bool:
    return _of_flag(of_payload(has_blank_parameter)(evidence), evidence)


QUERY_QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "semicolon separator",
        _WITH_HEADER | _FIELDS,
        _is_semicolon,
        "MochiWeb separates parameters at ; as well as at &; urllib.parse has not done so since "
        "Python 3.10.",
        "Split at both, for instance by replacing ; with & before parse_qsl.",
        Stage.PARAMETERS,
    ),
    Quirk(
        "blank parameter",
        _WITH_HEADER | _FIELDS,
        _is_blank_parameter,
        "MochiWeb keeps parameters without a value, and the first occurrence counts; parse_qs "
        "drops blank values unless keep_blank_values is set.",
        "Use parse_qsl(..., keep_blank_values=True) and take the first value.",
        Stage.PARAMETERS,
    ),
)
