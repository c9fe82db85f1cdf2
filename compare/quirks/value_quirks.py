"""Quirks that two values show: why a field of an event differs."""

from dataclasses import replace

from compare.differing.canonical import canonical, parse
from compare.differing.difference import Difference, Kind, differences, type_name
from compare.quirks.quirk import EITHER, Evidence, Quirk, Stage
from compare.stages.requests import has_repeats
from pyingest.wire.profile import MOCHIWEB
from pyingest.wire.term import Term

_ADDRESSES = ("properties.ip", "$ip")
_TIMES = ("properties.time", "$time")
_EXACT = 1 << 53
_FIELDS = frozenset(set(Kind) - {Kind.MISSING, Kind.EXTRA, Kind.DUPLICATE, Kind.DUPLICATE_LOST})
_ONE_FIELD = _FIELDS - {Kind.STATUS, Kind.BODY, Kind.HEADER, Kind.NO_ANSWER, Kind.MISROUTED}


def _types(evidence: Evidence) -> tuple[str, str]:
    found = evidence.difference
    return type_name(found.legacy), type_name(found.candidate)


def is_repeated_key(evidence: Evidence) -> bool:
    """A key stands twice on one side, and all that the other side has of it stands there, too.

    For a whole event or an answer: the text has a key twice.
    """
    if evidence.difference.kind is not Kind.DUPLICATE_KEY:
        text = evidence.payload.text if evidence.payload else b""
        return has_repeats(MOCHIWEB.decode(text))
    fewer, more = _repeated(evidence.difference)
    return bool(fewer) and not _left_over(fewer, more)


def _repeated(found: Difference) -> tuple[list[Term], list[Term]]:
    """Return a key's values on the side with fewer, and on the side with more.

    Both empty when the texts were cut off, so that nothing can be proved.
    """
    sides = [parse(f"[{text}]".encode()) for text in (found.legacy, found.candidate)]
    lists = [side for side in sides if isinstance(side, list)]
    if found.kind is not Kind.DUPLICATE_KEY or len(lists) < len(sides):
        return [], []
    fewer, more = sorted(lists, key=len)
    return fewer, more


def _left_over(fewer: list[Term], more: list[Term]) -> list[Term]:
    """Return those of *fewer* that are not among *more*."""
    known = [canonical(value) for value in more]
    return [value for value in fewer if canonical(value) not in known]


def repeated_and_changed(evidence: Evidence) -> tuple[Quirk, ...]:
    """Return the quirk of a repeated key and that of a value which changed as well, or none."""
    fewer, more = _repeated(evidence.difference)
    found: set[str] = set()
    for value in _left_over(fewer, more):
        names = [_change(before, value, evidence) for before in more]
        found.add(next((name for name in reversed(names) if name), ""))
    quirks = {quirk.name: quirk for quirk in VALUE_QUIRKS}
    if len(found) != 1 or found == {""}:
        return ()
    return quirks["duplicate key"], quirks[found.pop()]


def _change(before: Term, after: Term, evidence: Evidence) -> str:
    """Return the name of the one quirk that makes *after* of *before*; empty if there is none."""
    place = evidence.difference.path
    names = set()
    for one in differences(before, after):
        here = replace(evidence, difference=replace(one, path=f"{place}.{one.path}".rstrip(".")))
        fitting = [quirk for quirk in VALUE_QUIRKS if one.kind in quirk.kinds]
        names.add(next((quirk.name for quirk in fitting if quirk.explains(here)), ""))
    return names.pop() if len(names) == 1 else ""


def is_client_address(evidence: Evidence) -> bool:
    """The two sides disagree about who the client is, and neither has it from the event."""
    found, payload = evidence.difference, evidence.payload
    if found.path not in _ADDRESSES or _types(evidence) != ("string", "string"):
        return False
    said = payload.text.decode("utf-8", "replace") if payload else ""
    return str(found.legacy) not in said and str(found.candidate) not in said


def is_float_time(evidence: Evidence) -> bool:
    """The server's time as a float."""
    found = evidence.difference
    if found.path not in _TIMES or set(_types(evidence)) != {"int", "float"}:
        return False
    # A whole second is cut off at most; a client's time of another value is no matter of types.
    apart = abs(float(found.legacy or 0) - float(found.candidate or 0))
    return evidence.has_server_time or apart < 1


def is_server_clock(evidence: Evidence) -> bool:
    """The server's time, beyond what is tolerated."""
    return evidence.difference.path in _TIMES and evidence.has_server_time


def is_big_integer_as_float(evidence: Evidence) -> bool:
    """An integer beyond 53 bits that became a float."""
    return _is_whole_and_float(evidence, from_size=_EXACT)


def is_integer_as_float(evidence: Evidence) -> bool:
    """An integer that became a float of the same value, or the reverse."""
    return _is_whole_and_float(evidence, from_size=0)


def _is_whole_and_float(evidence: Evidence, from_size: int) -> bool:
    found = evidence.difference
    if set(_types(evidence)) != {"int", "float"} or not found.legacy or not found.candidate:
        return False
    try:
        ours, theirs = float(found.legacy), float(found.candidate)
    except (ValueError, OverflowError):
        return False
    return ours == theirs and abs(ours) >= from_size


def is_negative_zero(evidence: Evidence) -> bool:
    """Zero with and without its sign."""
    found = evidence.difference
    return {found.legacy, found.candidate} == {"0.0", "-0.0"}


def is_float_text(evidence: Evidence) -> bool:
    """Other digits for the same float."""
    return evidence.difference.kind is Kind.NUMERIC_FORMAT


def is_undefined(evidence: Evidence) -> bool:
    """The atom ``undefined``, or ``nil``, written as text."""
    found = evidence.difference
    texts = {found.legacy, found.candidate}
    return bool(texts & {'"undefined"', '"nil"'}) and bool(texts & {"null", None, '""'})


def is_code_list(evidence: Evidence) -> bool:
    """A string on one side, the list of its code points on the other."""
    if set(_types(evidence)) != {"string", "list"}:
        return False
    found = evidence.difference
    sides = [parse((written or "").encode()) for written in (found.legacy, found.candidate)]
    text = next((side for side in sides if isinstance(side, str)), None)
    codes = next((side for side in sides if isinstance(side, list)), None)
    return text is not None and codes == [ord(character) for character in text]


def is_null_dropped(evidence: Evidence) -> bool:
    """A null that one side leaves out."""
    return evidence.difference.kind is Kind.NULL_VS_ABSENT


def is_empty_container(evidence: Evidence) -> bool:
    """``[]`` for ``{}``."""
    return evidence.difference.kind is Kind.EMPTY_LIST_VS_OBJECT


def is_mojibake(evidence: Evidence) -> bool:
    """Text decoded with the wrong encoding."""
    return evidence.difference.kind is Kind.MOJIBAKE


VALUE_QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "duplicate key",
        EITHER | {Kind.DUPLICATE_KEY},
        is_repeated_key,
        "mochijson2 keeps all pairs of an object, and proplists read the first; a Python dict "
        "keeps the last value only.",
        "Read with object_pairs_hook; keep all pairs, and let the first count.",
        Stage.FIELDS,
    ),
    Quirk(
        "client address",
        _ONE_FIELD,
        is_client_address,
        "MochiWeb takes the last element of X-Forwarded-For when its peer is a private address; "
        "a Python server that uses the socket's peer records the front's address.",
        "Take the address by MochiWeb's rule; all geography depends on it.",
    ),
    Quirk(
        "time as float",
        _ONE_FIELD,
        is_float_time,
        "Erlang's erlang:now and calendar give whole seconds; time.time() is a float.",
        "Write int(time.time()).",
    ),
    Quirk(
        "server clock",
        _ONE_FIELD,
        is_server_clock,
        "The event came without a time and both sides stamped it, further apart than tolerated.",
        "Compare the clocks; if the candidate only got its copy late, raise the tolerance.",
    ),
    Quirk(
        "big integer as float",
        _ONE_FIELD,
        is_big_integer_as_float,
        "Erlang's integers are exact at any size; a codec that turns integers beyond 53 or 64 "
        "bits into floats loses their last digits.",
        "Use a codec that keeps big integers (json, simplejson, msgspec; not orjson).",
    ),
    Quirk(
        "integer as float",
        _ONE_FIELD,
        is_integer_as_float,
        "Erlang keeps 1 and 1.0 apart from input to output; the candidate changed the type.",
        "Find the arithmetic or the codec that converts; consumers may care for the type.",
    ),
    Quirk(
        "negative zero",
        _ONE_FIELD,
        is_negative_zero,
        "mochinum writes both zeros as 0.0; Python keeps the sign and writes -0.0.",
        "Write 0.0, or accept it: the values are equal to every consumer.",
    ),
    Quirk(
        "float text",
        _ONE_FIELD,
        is_float_text,
        "Both texts stand for the same 64-bit float; one side writes more digits than needed.",
        "Accept it, unless a consumer reads decimals.",
    ),
    Quirk(
        "undefined as text",
        _ONE_FIELD,
        is_undefined,
        'Erlang\'s atom undefined, where a value is absent, becomes the text "undefined" in '
        "JSON; Python has None, which becomes null or is left out.",
        "Decide with the consumers which one they expect.",
    ),
    Quirk(
        "string as code list",
        _ONE_FIELD,
        is_code_list,
        "An Erlang string is a list of code points, and is written as a list unless it was made "
        "a binary first.",
        "A consumer may depend on either; find the field in legacy's source.",
    ),
    Quirk(
        "null left out",
        _ONE_FIELD,
        is_null_dropped,
        "One side drops a key whose value is null, the other keeps it.",
        "Keep the key as legacy does.",
    ),
    Quirk(
        "empty list for object",
        _ONE_FIELD,
        is_empty_container,
        "The empty proplist [] is also the empty list in Erlang.",
        "Follow legacy, or accept it.",
    ),
    Quirk(
        "wrong encoding",
        _ONE_FIELD,
        is_mojibake,
        "Bytes were decoded as latin-1 on one side and as UTF-8 on the other, or replaced by "
        "U+FFFD.",
        "Keep bytes until the JSON reader decodes them as UTF-8.",
    ),
)
