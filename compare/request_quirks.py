"""Quirks that the request's text shows: why an event is missing, extra, or answered otherwise."""

import re
from collections.abc import Callable

from compare.difference import Kind
from compare.payload import Payload
from compare.quirk import Evidence, Quirk
from pyingest.routing import ENDPOINTS
from pyingest.wire.profile import MOCHIWEB, STRICT

_ANSWERS = {Kind.BODY, Kind.STATUS, Kind.NO_ANSWER}
LOST = frozenset({Kind.MISSING, *_ANSWERS})
GAINED = frozenset({Kind.EXTRA, *_ANSWERS})
EITHER = LOST | GAINED

_TRAILING_COMMA = re.compile(rb",\s*[}\]]")
_ODD_KEY = re.compile(rb"[{,]\s*(?:-?[0-9][0-9.eE+-]*|true|false|null)\s*:")
_BAD_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}|(.))', re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_LONE = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F]..)|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F].."
)
_CESU8 = re.compile(rb"\xed[\xa0-\xbf]")
_BIG_INTEGER = re.compile(rb"[0-9]{4301}")
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3,}")
_WORDS = re.compile(rb"\b(?:NaN|Infinity)\b")
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_JUNK = re.compile(rb"[^A-Za-z0-9+/=\t\n\r _-]")
_BLANKS = b"\t\n\r "
DEEP = 500
"""Levels; simplejson's C scanner gives up near Python's recursion limit of 1000 frames."""
LONGEST_LINE, LARGEST_BODY = 8192, 1 << 20


def _of_payload(test: Callable[[Payload], bool]) -> Callable[[Evidence], bool]:
    def explains(evidence: Evidence) -> bool:
        payload = evidence.payload
        if payload is None:
            return False
        # A batch of fifty lost events asks fifty times about one and the same text.
        if test not in payload.told:
            payload.told[test] = test(payload)
        return payload.told[test]

    return explains


def has_no_answer(evidence: Evidence) -> bool:
    """The candidate never answered."""
    return not evidence.has_answer


def has_large_body(payload: Payload) -> bool:
    """The body is larger than MochiWeb takes."""
    return len(payload.request.body) > LARGEST_BODY


def has_long_line(payload: Payload) -> bool:
    """The request line is longer than MochiWeb takes."""
    return payload.line > LONGEST_LINE


def has_odd_path(payload: Payload) -> bool:
    """Legacy's rules for paths find the endpoint, a plain split does not."""
    target = payload.request.target
    return MOCHIWEB.split(target)[0] in ENDPOINTS and STRICT.split(target)[0] not in ENDPOINTS


def has_semicolon(payload: Payload) -> bool:
    """Splitting at semicolons, too, changes what ``data`` is."""
    return b";" in payload.parameters and payload.data != payload.ported_data


def has_blank_parameter(payload: Payload) -> bool:
    """``data`` is there twice or empty, and blank values count for one side only."""
    return not payload.data and payload.data != payload.ported_data


def has_junk(payload: Payload) -> bool:
    """Base64 with characters of no alphabet."""
    return payload.is_base64 and bool(_JUNK.search(payload.data or b""))


def has_url_safe(payload: Payload) -> bool:
    """Base64 in the alphabet for addresses."""
    return payload.is_base64 and bool(set(b"-_") & set(payload.data or b""))


def has_odd_padding(payload: Payload) -> bool:
    """Base64 whose padding is not the one canonical number of ``=``."""
    data = (payload.data or b"").translate(None, _BLANKS)
    bare = data.rstrip(b"=")
    return payload.is_base64 and (b"=" in bare or len(data) - len(bare) != -len(bare) % 4)


def has_blanks(payload: Payload) -> bool:
    """Base64 with blanks or line ends in it; an unescaped ``+`` becomes a blank."""
    return payload.is_base64 and bool(set(_BLANKS) & set(payload.data or b""))


def has_bom(payload: Payload) -> bool:
    """The JSON begins with a byte order mark, or is UTF-16."""
    return payload.text.startswith(_BOMS) or b"\x00" in payload.text[:4]


def has_cesu8(payload: Payload) -> bool:
    """Surrogates encoded one by one."""
    return bool(_CESU8.search(payload.text))


def is_not_utf8(payload: Payload) -> bool:
    """The text is not UTF-8, for another reason."""
    try:
        payload.text.decode()
    except UnicodeDecodeError:
        return True
    return False


def has_trailing_comma(payload: Payload) -> bool:
    """A comma before a closing bracket."""
    return bool(_TRAILING_COMMA.search(payload.outside))


def has_odd_key(payload: Payload) -> bool:
    """A number or a word as a key."""
    return bool(_ODD_KEY.search(payload.outside))


def has_control(payload: Payload) -> bool:
    """A control character that stands raw in a string."""
    return any(_CONTROL.search(string) for string in payload.strings)


def has_bad_escape(payload: Payload) -> bool:
    """A backslash before something that needs none."""
    return any(any(_BAD_ESCAPE.findall(string)) for string in payload.strings)


def has_lone_surrogate(payload: Payload) -> bool:
    """An escape for half a character."""
    return any(_LONE.search(string.replace(rb"\\", b"")) for string in payload.strings)


def has_big_integer(payload: Payload) -> bool:
    """An integer of more than 4 300 digits."""
    return bool(_BIG_INTEGER.search(payload.outside))


def has_huge_number(payload: Payload) -> bool:
    """A number beyond 64-bit floats, or a word for one."""
    if _WORDS.search(payload.outside):
        return True
    return any(abs(float(number)) == float("inf") for number in _NUMBER.findall(payload.outside))


def is_deep(payload: Payload) -> bool:
    """More levels than Python's readers take."""
    depth = deepest = 0
    if payload.outside.count(b"[") + payload.outside.count(b"{") <= DEEP:
        return False
    for byte in payload.outside:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest > DEEP


REQUEST_QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "no answer",
        frozenset({Kind.MISSING, Kind.NO_ANSWER}),
        has_no_answer,
        "The candidate gave no answer to this request: it was refused, cut off, or timed out.",
        "Look at the candidate's log for that time; this is about availability, not decoding.",
    ),
    Quirk(
        "large body",
        EITHER,
        _of_payload(has_large_body),
        "MochiWeb reads bodies up to 1 MiB and closes the connection on a larger one without an "
        "answer; Twisted has no limit of its own.",
        "Set the candidate's limit to 1048576 bytes, or accept that it takes more.",
    ),
    Quirk(
        "long request line",
        EITHER,
        _of_payload(has_long_line),
        "MochiWeb reads request lines up to 8192 bytes, which caps a GET with data=; Python "
        "servers have other limits.",
        "Clients over the limit were never served; accept it, or set the same limit.",
    ),
    Quirk(
        "path spelling",
        LOST,
        _of_payload(has_odd_path),
        "MochiWeb decodes percent signs in the path, collapses runs of slashes, and drops scheme "
        "and host of an absolute address; a plain comparison of paths finds no endpoint.",
        "Normalise the path as MochiWeb does before routing.",
    ),
    Quirk(
        "semicolon separator",
        EITHER,
        _of_payload(has_semicolon),
        "MochiWeb separates parameters at ; as well as at &; urllib.parse has not done so since "
        "Python 3.10.",
        "Split at both, for instance by replacing ; with & before parse_qsl.",
    ),
    Quirk(
        "blank parameter",
        EITHER,
        _of_payload(has_blank_parameter),
        "MochiWeb keeps parameters without a value, and the first occurrence counts; parse_qs "
        "drops blank values unless keep_blank_values is set.",
        "Use parse_qsl(..., keep_blank_values=True) and take the first value.",
    ),
    Quirk(
        "base64 junk",
        EITHER,
        _of_payload(has_junk),
        "base64:decode fails on characters outside the alphabet; base64.b64decode drops them by "
        "default and decodes what is left.",
        "Decode with validate=True after removing tabs, line ends and blanks.",
    ),
    Quirk(
        "URL-safe base64",
        EITHER,
        _of_payload(has_url_safe),
        "base64:decode knows + and / only and fails on - and _; b64decode drops these two.",
        "Refuse them as legacy does; what b64decode makes of the rest is garbage.",
    ),
    Quirk(
        "base64 padding",
        EITHER,
        _of_payload(has_odd_padding),
        "base64:decode requires the exact number of = signs; b64decode refuses too few and "
        "ignores what follows the padding.",
        "Check that the length is a multiple of four and that = stands only at the end.",
    ),
    Quirk(
        "byte order mark",
        EITHER,
        _of_payload(has_bom),
        "mochijson2 takes UTF-8 without a mark only; json.loads detects UTF-16 and skips a mark "
        "when it is given bytes.",
        "Decode as UTF-8 first and refuse a mark.",
    ),
    Quirk(
        "CESU-8",
        EITHER,
        _of_payload(has_cesu8),
        "Old browser libraries encode each half of an emoji on its own (ED A0..BF). mochijson2 "
        "reads it, the version of 2011 even queued it; Python's UTF-8 decoder refuses it.",
        "Decide together with the legacy version in use; decode with surrogatepass to accept it.",
    ),
    Quirk(
        "trailing comma",
        LOST,
        _of_payload(has_trailing_comma),
        "mochijson2 accepts a comma before ] and }; Python's JSON readers refuse the whole text.",
        "Read with a lenient grammar when the strict reader fails; clients that build JSON by "
        "hand depend on it.",
    ),
    Quirk(
        "non-string key",
        LOST,
        _of_payload(has_odd_key),
        "mochijson2 accepts numbers, true, false and null as keys; JSON and Python's readers "
        "want strings.",
        "Read with a lenient grammar when the strict reader fails.",
    ),
    Quirk(
        "raw control character",
        LOST,
        _of_payload(has_control),
        "mochijson2 accepts line ends, tabs and other control characters inside strings; "
        "Python's readers refuse them unless strict=False.",
        "Pass strict=False to the reader.",
    ),
    Quirk(
        "unknown escape",
        LOST,
        _of_payload(has_bad_escape),
        "mochijson2 keeps a backslash before an unknown letter as it stands (\\q, Windows "
        "paths); Python's readers refuse the text.",
        "Read with a lenient grammar that keeps the backslash.",
    ),
    Quirk(
        "lone surrogate",
        EITHER,
        _of_payload(has_lone_surrogate),
        "Clients that cut text at 255 UTF-16 units leave half an emoji (\\ud83d). mochijson2 "
        "crashes on it and the event is refused; json and simplejson pass it on.",
        "Refuse it as legacy does: consumers cannot encode such a string as UTF-8.",
    ),
    Quirk(
        "number out of range",
        EITHER,
        _of_payload(has_huge_number),
        "Erlang has no infinity and no NaN and refuses 1E400; Python's readers make inf of it "
        "and may write words that are not JSON.",
        "Refuse numbers that are not finite.",
    ),
    Quirk(
        "big integer",
        EITHER,
        _of_payload(has_big_integer),
        "Erlang's integers have no limit; Python refuses to read more than 4300 digits.",
        "Raise sys.set_int_max_str_digits, or keep such numbers as text.",
    ),
    Quirk(
        "deep nesting",
        EITHER,
        _of_payload(is_deep),
        "mochijson2 takes any depth; Python's readers stop at the recursion limit.",
        "Accept it unless real clients send such events.",
    ),
    Quirk(
        "text not in UTF-8",
        EITHER,
        _of_payload(is_not_utf8),
        "mochijson2 refuses strings that are not UTF-8; Python code that decodes with "
        "errors='replace' or latin-1 lets them pass.",
        "Decode strictly.",
    ),
    Quirk(
        "base64 blanks",
        EITHER,
        _of_payload(has_blanks),
        "base64:decode skips tabs, line ends and blanks; a strict decoder (validate=True) "
        "refuses them, and an unescaped + in the parameter becomes a blank.",
        "Remove tabs, line ends and blanks before decoding.",
    ),
)
