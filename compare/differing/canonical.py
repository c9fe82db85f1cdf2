"""What an event says, apart from how it is written: nothing lost, nothing confused.

Types are kept (``1``, ``1.0`` and ``true`` differ), and so are repeated keys, big integers and
every digit of a float. Key order, escapes, blanks and the layout of a float are not kept. Values
are never compared with ``==``, for which ``1 == 1.0 == True``; compare :func:`canonical` texts.
"""

import json
import re
from copy import copy, deepcopy
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from hashlib import blake2b

import msgspec
import simplejson

from pyingest.wire.term import Object, Term, made

DEEPEST = 200
"""Levels of nesting up to which a text is read; a deeper one is compared byte by byte."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_TIME_AT_END = re.compile(rb',"\$?time":(-?[0-9]+)(\}{1,2})\Z')
_COLONS = (b" :", b"\n:", b"\t:", b"\r:")


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A message that is no JSON in UTF-8 (CESU-8, for one), or nested too deep."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What an event says, in three parts, so that server-set fields can be left out."""

    bare: bytes
    """16-byte digest of all but the address and the time."""
    ip: bytes
    """Canonical text of ``properties.ip`` or ``$ip``; empty if there is none."""
    time: bytes
    """Canonical text of ``properties.time`` or ``$time``; empty if there is none."""


def real(text: str) -> Decimal:
    """Return a JSON float's exact value in the one form whose ``str`` no integer has."""
    number = Decimal(text).normalize(_EXACT)
    plain = str(number)
    return number if "." in plain or "E" in plain else Decimal(plain + ".0")


_plain_decoder = msgspec.json.Decoder(float_hook=Decimal)
_decoder = msgspec.json.Decoder(float_hook=real)
_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")
_patient = simplejson.JSONDecoder(
    object_pairs_hook=made,
    parse_float=real,
    parse_constant=Decimal,
    strict=False,
    allow_nan=True,
)
_REFUSALS = (ValueError, RecursionError, InvalidOperation)


def parse(body: bytes) -> Term | Unparsable:
    """Return the value of a JSON text: floats as :class:`Decimal`, repeated keys as ``Object``.

    msgspec reads it where that is sure to lose nothing, simplejson where msgspec refuses (a lone
    surrogate) or a repeated key may hide.
    """
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(body) > DEEPEST:
        return Unparsable(body)
    try:
        term = _decoder.decode(body)
        if _is_surely_unique(term, body):
            return term
    except _REFUSALS:
        pass
    try:
        return _patient.decode(body.decode())
    except _REFUSALS:
        return Unparsable(body)


def plain_text(body: bytes) -> bytes | None:
    """Return a JSON text in one fixed spelling, fast; ``None`` where that is not sure to be exact.

    Key order, escapes and blanks do not count; digits do, so that ``1.0`` and ``1.00`` differ here
    (and not in :func:`canonical`). Two messages of one such text have one canonical form.
    """
    try:
        written = _encoder.encode(_plain_decoder.decode(body))
    except _REFUSALS:
        return None
    # A repeated key would be gone from what was written, and its two quotes with it. Nothing but
    # a quote spelled in hexadecimal could make up for them.
    if written.count(b'"') != body.count(b'"') or (b"\\" in body and b"\\u0022" in body):
        return None
    return written


def canonical(term: Term | Unparsable) -> bytes:
    """Return the same bytes for two values that say the same, and for no others."""
    if isinstance(term, Unparsable):
        return b"\x00" + term.body
    try:
        return _encoder.encode(term)
    except (TypeError, ValueError):
        return "".join(_pieces(term)).encode("utf-8", "surrogatepass")


def digest(data: bytes) -> bytes:
    """Return 16 bytes that stand for *data*."""
    return blake2b(data, digest_size=16).digest()


def content(term: Term | Unparsable) -> Content:
    """Return what the event *term* says."""
    if isinstance(term, Unparsable):
        # A service puts its time last.
        stamp = _TIME_AT_END.search(term.body)
        bare = _TIME_AT_END.sub(rb"\2", term.body)
        return Content(digest(b"\x00" + bare), b"", stamp[1] if stamp else b"")
    if not isinstance(term, dict | Object):
        return Content(digest(canonical(term)), b"", b"")
    term = _detached(term)
    holder = term.get("properties")
    ip = time = b""
    if isinstance(holder, dict | Object):
        ip, time = _take(holder, "ip"), _take(holder, "time")
    ip, time = ip or _take(term, "$ip"), time or _take(term, "$time")
    return Content(digest(canonical(term)), ip, time)


def _detached(term: "dict[str, Term] | Object") -> "dict[str, Term] | Object":
    """Return a copy from which fields can be taken, of the event and of its properties."""
    if isinstance(term, Object):
        return deepcopy(term)
    holder = term.get("properties")
    if isinstance(holder, dict | Object):
        return term | {"properties": copy(holder) if isinstance(holder, dict) else deepcopy(holder)}
    return term.copy()


def _take(fields: "dict[str, Term] | Object", key: str) -> bytes:
    if isinstance(fields, dict):
        return canonical(fields.pop(key)) if key in fields else b""
    values = [canonical(value) for name, value in fields.pairs if name == key]
    fields.pairs = [pair for pair in fields.pairs if pair[0] != key]
    return b",".join(values)


def _is_surely_unique(term: Term, body: bytes) -> bool:
    """Say whether no object in *body* can have had a key twice.

    A colon between key and value follows a quote or a blank. If none follows a blank, there are
    at most as many pairs as ``":`` occurs; and a key that came twice leaves fewer in *term*.
    """
    if entries(term) != body.count(b'":'):
        return False
    blank, line, tab, back = _COLONS
    return blank not in body and line not in body and tab not in body and back not in body


def entries(term: Term) -> int:
    """Return how many key-value pairs *term* holds, at all levels."""
    count = 0
    if type(term) is dict:
        count = len(term)
        for value in term.values():
            if type(value) is dict or type(value) is list:
                count += entries(value)
    elif type(term) is list:
        for item in term:
            if type(item) is dict or type(item) is list:
                count += entries(item)
    return count


def _depth(body: bytes) -> int:
    """Return the nesting of *body*, brackets in strings left out."""
    deepest = depth = at = 0
    end = len(body)
    while at < end:
        byte = body[at]
        if byte == 0x22:
            at = _string_end(body, at + 1)
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
        at += 1
    return deepest


def _string_end(body: bytes, at: int) -> int:
    while at < len(body) and body[at] != 0x22:
        at += 2 if body[at] == 0x5C else 1
    return at


def _pieces(term: Term) -> list[str]:
    """Return the canonical text of what msgspec does not write, in pieces.

    Pairs are sorted by key; values of one key stay in their order, since the first one counts.
    """
    match term:
        case dict() | Object():
            out = ["{"]
            for key, value in sorted(term.items(), key=lambda pair: str(pair[0])):
                out += [json.dumps(key, ensure_ascii=False), ":", *_pieces(value), ","]
            return [*out, "}"]
        case list():
            return ["[", *(piece for item in term for piece in (*_pieces(item), ",")), "]"]
        case str():
            return [json.dumps(term, ensure_ascii=False)]
        case Decimal():
            return [str(term)]
        case _:
            return [json.dumps(term)]
