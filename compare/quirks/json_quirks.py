"""Quirks of JSON text: what it holds that one reader takes and another refuses."""

from collections.abc import Callable

from compare.differing.difference import Kind
from compare.quirks import json_repair
from compare.quirks.payload import Payload
from compare.quirks.quirk import EITHER, LOST, Quirk, Stage, of_payload


def _json(
    name: str, kinds: frozenset[Kind], repair: Callable[[bytes], bytes], why: str, advice: str
) -> Quirk:
    """Return a quirk that shows in a text which its repair changes."""

    def shows(payload: Payload) -> bool:
        return repair(payload.text) != payload.text

    return Quirk(name, kinds, of_payload(shows), why, advice, Stage.JSON, repair)


JSON_QUIRKS: tuple[Quirk, ...] = (
    _json(
        "byte order mark",
        EITHER,
        json_repair.in_utf8,
        "mochijson2 takes UTF-8 without a mark only; json.loads detects UTF-16 and skips a mark "
        "when it is given bytes.",
        "Decode as UTF-8 first and refuse a mark.",
    ),
    _json(
        "CESU-8",
        EITHER,
        json_repair.without_cesu8,
        "Old browser libraries encode each half of an emoji on its own (ED A0..BF). mochijson2 of "
        "2011 queued it, 3.1.1 reads it but cannot write it; Python's UTF-8 decoder refuses it, "
        "json.loads of bytes takes it.",
        "Decide together with the legacy version in use; decode with surrogatepass to accept it.",
    ),
    _json(
        "trailing comma",
        LOST,
        json_repair.without_trailing_commas,
        "mochijson2 accepts a comma before ] and }; Python's JSON readers refuse the whole text.",
        "Read with a lenient grammar when the strict reader fails; clients that build JSON by "
        "hand depend on it.",
    ),
    _json(
        "non-string key",
        LOST,
        json_repair.with_text_keys,
        "mochijson2 accepts numbers, true, false and null as keys; JSON and Python's readers "
        "want strings.",
        "Read with a lenient grammar when the strict reader fails.",
    ),
    _json(
        "raw control character",
        LOST,
        json_repair.without_controls,
        "mochijson2 accepts line ends, tabs and other control characters inside strings; "
        "Python's readers refuse them unless strict=False.",
        "Pass strict=False to the reader.",
    ),
    _json(
        "unknown escape",
        LOST,
        json_repair.with_known_escapes,
        "mochijson2 keeps a backslash before an unknown letter as it stands (\\q, Windows "
        "paths); Python's readers refuse the text.",
        "Read with a lenient grammar that keeps the backslash.",
    ),
    _json(
        "lone surrogate",
        EITHER,
        json_repair.with_whole_characters,
        "Clients that cut text at 255 UTF-16 units leave half an emoji (\\ud83d). mochijson2 "
        "crashes on it and the event is refused; json and simplejson pass it on.",
        "Refuse it as legacy does: consumers cannot encode such a string as UTF-8.",
    ),
    _json(
        "number out of range",
        EITHER,
        json_repair.with_finite_numbers,
        "Erlang has no infinity and no NaN and refuses 1E400; Python's readers make inf of it "
        "and may write words that are not JSON.",
        "Refuse numbers that are not finite.",
    ),
    _json(
        "big integer",
        EITHER,
        json_repair.with_short_integers,
        "Erlang's integers have no limit; Python refuses to read more than 4300 digits.",
        "Raise sys.set_int_max_str_digits, or keep such numbers as text.",
    ),
    _json(
        "deep nesting",
        EITHER,
        json_repair.without_depths,
        "mochijson2 takes any depth; Python's readers stop at the recursion limit.",
        "Accept it unless real clients send such events.",
    ),
    _json(
        "text not in UTF-8",
        EITHER,
        json_repair.readable,
        "mochijson2 refuses strings that are not UTF-8; Python code that decodes with "
        "errors='replace' or latin-1 lets them pass.",
        "Decode strictly.",
    ),
)
