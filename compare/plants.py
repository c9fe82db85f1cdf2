"""The plants: every kind of difference between two queues, one small function each.

What a plant's candidate does wrong is done to the properties that :func:`planting.event` gives.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote_plus

from compare.differing.difference import Kind
from compare.planting import (
    Edit,
    Message,
    Plant,
    Sow,
    Sown,
    dumped,
    edited,
    messages,
    rewritten,
)

Properties = dict[str, Any]

LATE = 60.0
"""Seconds of delay of what arrives late."""


def missing(bodies: Sequence[bytes]) -> Sown:
    """The candidate loses the event."""
    return Sown(messages(bodies), ())


def extra(bodies: Sequence[bytes]) -> Sown:
    """The candidate queues an event of its own besides."""
    alien = re.sub(rb'"mark":"m', b'"mark":"alien', bodies[0])
    alien = re.sub(rb'"title":"[^"]*"', b'"title":"invented"', alien)
    alien = re.sub(rb'"event":"[^"]*"', b'"event":"heartbeat"', alien)
    return Sown(messages(bodies), messages((*bodies, alien)))


def duplicate(bodies: Sequence[bytes]) -> Sown:
    """The candidate queues the event twice."""
    return Sown(messages(bodies), messages((*bodies, *bodies)))


def duplicate_lost(bodies: Sequence[bytes]) -> Sown:
    """Legacy queues the event twice, the candidate once."""
    return duplicate(bodies).mirrored


def misrouted(bodies: Sequence[bytes]) -> Sown:
    """The candidate puts the event on another queue."""
    return Sown(messages(bodies), tuple(Message(body, "profiles") for body in bodies))


def late(bodies: Sequence[bytes]) -> Sown:
    """The candidate's event arrives a minute after legacy's."""
    return Sown(messages(bodies), tuple(Message(body, delay=LATE) for body in bodies))


def reordered(bodies: Sequence[bytes]) -> Sown:
    """Two events of one person change places."""
    return Sown(messages(bodies), messages(bodies[::-1]))


def rebatched(bodies: Sequence[bytes]) -> Sown:
    """The candidate queues the events of one request as one message, a list."""
    return Sown(messages(bodies), messages([b"[" + b",".join(bodies) + b"]"]))


def key_order(body: bytes) -> bytes:
    """Keys in the opposite order."""
    fields = json.loads(body)
    fields["properties"] = dict(reversed(fields["properties"].items()))
    return dumped(dict(reversed(fields.items())))


def blanks(body: bytes) -> bytes:
    """JSON with indents and blanks."""
    return json.dumps(json.loads(body), indent=1).encode()


def escapes(body: bytes) -> bytes:
    """Raw UTF-8 for escapes, and an escape where none is needed."""
    text = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def float_layout(body: bytes) -> bytes:
    """The same decimals in another layout: ``12.5`` as ``1.2500e+01``."""
    return re.sub(rb'"price":([0-9.]+)', lambda found: b'"price":%.12e' % float(found[1]), body)


def float_digits(body: bytes) -> bytes:
    """The same 64-bit float with the digits of Erlang's ``float_to_list``."""
    return re.sub(rb'"ratio":([0-9.]+)', lambda found: b'"ratio":%.20e' % float(found[1]), body)


def duplicate_key(body: bytes) -> bytes:
    """One key twice."""
    return re.sub(rb'("title":"[^"]*")', rb"\1,\1", body)


def unparsable(body: bytes) -> bytes:
    """A message that is cut off."""
    return body[:-2]


def python_repr(body: bytes) -> bytes:
    """A message written with ``str()`` where ``json.dumps()`` was meant."""
    return repr(json.loads(body)).encode()


def clock(body: bytes) -> bytes:
    """A server that stamps the event a second later."""
    return re.sub(rb'"time":([0-9]+)', lambda found: b'"time":%d' % (int(found[1]) + 1), body)


def without_time(event: Properties) -> None:
    """Leave the time to the server."""
    del event["properties"]["time"]


def alone(event: Properties) -> None:
    """Let the event be the work of a person who does nothing else."""
    event["properties"]["distinct_id"] = "alone-" + event["properties"]["mark"][:-2]


def invented(bodies: Sequence[bytes]) -> Sown:
    """The candidate queues what legacy refused."""
    return missing(bodies).mirrored


def spoilt(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a change of a request's text that one side alone can read."""
    return lambda text: text.replace(old, new)


def put(key: str, change: Any) -> Edit:
    """Return an edit that puts ``change(value)`` for a property's value."""

    def edit(properties: Properties) -> None:
        properties[key] = change(properties[key])

    return edit


def field_removed(properties: Properties) -> None:
    """A field less."""
    del properties["page"]


def field_added(properties: Properties) -> None:
    """A field more."""
    properties["$lib_version"] = "2.1"


def null_left_out(properties: Properties) -> None:
    """A null that is left out."""
    del properties["note"]


def nested_number(properties: Properties) -> None:
    """Another number two levels down."""
    properties["cart"][0]["pieces"] = 3


def nested_text(properties: Properties) -> None:
    """Another text one level down."""
    properties["address"]["city"] = "Bonn"


def as_latin1(text: str) -> str:
    """Return what UTF-8 looks like when it is read as latin-1."""
    return text.encode().decode("latin-1")


def twice_latin1(text: str) -> str:
    """Return what UTF-8 looks like when that happens two times."""
    return as_latin1(as_latin1(text))


def _changed(name: str, kind: Kind, path: str, sow: Sow, quirk: str | None = None) -> Plant:
    return Plant(name, sow, ("changed",), (kind.value,), path, quirk)


def _value(kind: Kind, key: str, change: Any, quirk: str | None = None, more: str = "") -> Plant:
    name = kind.value + more
    return _changed(name, kind, f"properties.{key}", edited(put(key, change)), quirk)


def _equal(name: str, sow: Sow) -> Plant:
    return Plant(name, sow, ("equal",))


def _lost(quirk: str, old: bytes, new: bytes) -> Plant:
    kinds = (Kind.MISSING.value,)
    return Plant(quirk, missing, ("missing",), kinds, quirk=quirk, spoil=spoilt(old, new))


def _gained(quirk: str, old: bytes, new: bytes) -> Plant:
    kinds = (Kind.EXTRA.value,)
    return Plant(quirk, invented, ("extra",), kinds, quirk=quirk, spoil=spoilt(old, new))


WHOLE = (
    Plant("missing", missing, ("missing",), ("missing",)),
    Plant("extra", extra, ("identical", "extra", "unlinked"), ("extra",)),
    Plant("duplicate", duplicate, ("identical", "duplicate"), ("duplicate",)),
    Plant("duplicate_lost", duplicate_lost, ("identical", "duplicate_lost"), ("duplicate_lost",)),
    Plant("misrouted", misrouted, ("misrouted",), ("misrouted",)),
    _changed("unparsable", Kind.UNPARSABLE, "", rewritten(unparsable)),
    _changed("unparsable repr", Kind.UNPARSABLE, "", rewritten(python_repr)),
)
"""Something is wrong with a whole event."""

FIELDS = (
    _changed("field_removed", Kind.FIELD_REMOVED, "properties.page", edited(field_removed)),
    _changed("field_added", Kind.FIELD_ADDED, "properties.$lib_version", edited(field_added)),
    _changed(
        "duplicate_key",
        Kind.DUPLICATE_KEY,
        "properties.title",
        rewritten(duplicate_key),
        "duplicate key",
    ),
    _changed(
        "null_vs_absent",
        Kind.NULL_VS_ABSENT,
        "properties.note",
        edited(null_left_out),
        "null left out",
    ),
    _changed("nested_number", Kind.VALUE_NUMBER, "properties.cart[].pieces", edited(nested_number)),
    _changed("nested_text", Kind.VALUE_STRING, "properties.address.city", edited(nested_text)),
)
"""A field too few or too many, or one deep down."""

TYPES = (
    _value(Kind.TYPE, "count", float, "integer as float", " int to float"),
    _value(Kind.TYPE, "count", str, None, " int to text"),
    _value(Kind.TYPE, "title", lambda text: list(text.encode()), "string as code list", " codes"),
    _value(Kind.TYPE, "note", lambda _: "undefined", "undefined as text", " undefined"),
    _value(Kind.BOOL_VS_INT, "one", bool),
    _value(Kind.EMPTY_LIST_VS_OBJECT, "tags", lambda _: {}, "empty list for object"),
)
"""A value of another type."""

NUMBERS = (
    _value(Kind.VALUE_NUMBER, "count", lambda count: count + 1000),
    _value(Kind.VALUE_BOOL, "paid", lambda paid: not paid),
    _value(Kind.TIME_SHIFT, "time", lambda time: time + 2 * 3600, None, " zone"),
    _value(Kind.TIME_SHIFT, "born", lambda time: time * 1000 + 417, None, " ms"),
    _value(Kind.TIME_SHIFT, "$created", lambda _: "2011-05-01T12:00:00", None, " text"),
    _changed(
        "numeric_format",
        Kind.NUMERIC_FORMAT,
        "properties.ratio",
        rewritten(float_digits),
        "float text",
    ),
)
"""Another number, or the same one otherwise."""

TEXTS = (
    _value(Kind.VALUE_STRING, "title", lambda text: text.replace("Garden", "Park")),
    _value(Kind.UNICODE_NORM, "name", lambda text: unicodedata.normalize("NFD", text)),
    _value(Kind.MOJIBAKE, "name", as_latin1, "wrong encoding"),
    _value(Kind.MOJIBAKE, "name", twice_latin1, "wrong encoding", " twice"),
    _value(
        Kind.MOJIBAKE,
        "name",
        lambda text: text.encode("ascii", "replace").decode(),
        "wrong encoding",
        " question marks",
    ),
    _value(Kind.CASE, "name", str.upper, None, ""),
    _value(Kind.WHITESPACE, "title", lambda text: text.replace(" ", "  ") + "\n"),
    _value(Kind.TRUNCATED, "title", lambda text: text[:12]),
    _value(
        Kind.TRUNCATED,
        "name",
        lambda text: text.encode()[:9].decode("utf-8", "replace"),
        None,
        " at bytes",
    ),
    _value(Kind.URL_DECODING, "page", quote_plus),
    _value(
        Kind.URL_DECODING, "page", lambda text: text.replace(" ", "%u0020"), None, " by escape()"
    ),
    _value(Kind.REORDERED, "colours", lambda colours: colours[::-1], None, " list"),
)
"""Another text, or the same one otherwise."""

EQUAL = (
    _equal("key_order", rewritten(key_order)),
    _equal("blanks between", rewritten(blanks)),
    _equal("escapes", rewritten(escapes)),
    _equal("float layout", rewritten(float_layout)),
    Plant("masked_ok", rewritten(clock), ("tolerated",), prepare=without_time),
)
"""Spelt otherwise, the same event: nothing may be found."""

LOST = (
    _lost("trailing comma", b'"}}', b'",}}'),
    _lost("raw control character", b"Spring ", b"Spring\n"),
    _lost("unknown escape", b"Spring ", b"Spring\\q"),
    _lost("non-string key", b'"one":1', b"1:1"),
)
"""Requests that legacy alone reads, by the quirks that are to blame."""

GAINED = (_gained("lone surrogate", b"Spring ", b"\\ud83d "),)
"""Requests that the candidate alone reads."""

ARRIVAL = (
    Plant("late", late, ("identical", "late"), prepare=alone),
    Plant("reordered", reordered, ("identical", "identical", "reordered"), size=2, prepare=alone),
    Plant("rebatched", rebatched, ("equal", "equal", "equal", "rebatched"), size=3, prepare=alone),
)
"""The same events at another time, in another order, or in other messages."""

PLANTS = (*WHOLE, *FIELDS, *TYPES, *NUMBERS, *TEXTS, *EQUAL, *LOST, *GAINED)
