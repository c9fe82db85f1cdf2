"""How two texts or numbers are alike though they differ: one question, one plain function each.

Every question is symmetric: ``f(one, other) == f(other, one)``. The first that says yes names the
difference, so the order in which ``difference`` asks matters and is kept there.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import unquote, unquote_plus

QUARTER, WIDEST_ZONE = 900, 14 * 3600
"""Seconds: all time zones are whole quarters of an hour apart, and at most 14 hours from UTC."""
SOONEST, LATEST = 10**8, 5 * 10**9
"""Epoch seconds (1973, 2128): what lies outside of them is not taken for a time."""
UNITS = (10**3, 10**6, 10**9)
"""Milliseconds, microseconds and nanoseconds in a second."""
ROUNDS = 3
"""How often text is taken for text of another encoding in succession; two are common."""

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_TIMED = re.compile(r"time|(?:^|[_$])(?:date|ts|created|seen)|(?:_at|Date)$", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_ROUND = re.compile(r"-?[0-9]+")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}.*)?")
_ESCAPED = re.compile(r"%u([0-9a-fA-F]{4})")
_ENDINGS = ("…", "...")
_WINDOWS = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""Windows-1252 as browsers read it: a byte that it leaves undefined is what it is in latin-1."""
_LATIN = "".join(map(chr, range(256)))


def is_other_form(one: str, other: str) -> bool:
    """Say whether two texts are canonically equivalent (Unicode Standard Annex 15, NFC, NFD)."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def is_compatible_form(one: str, other: str) -> bool:
    """Say whether two texts are compatible (Annex 15, NFKC): full width, ligatures, indices."""
    return unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)


def is_other_blanks(one: str, other: str) -> bool:
    """Say whether two texts differ in blanks, line ends and invisible characters only."""
    if _without_blanks(one) == _without_blanks(other):
        return True
    ours, theirs = (unicodedata.normalize("NFKC", text) for text in (one, other))
    return ours != theirs and _without_blanks(ours) == _without_blanks(theirs)


def is_other_case(one: str, other: str) -> bool:
    """Say whether two texts differ in case, in any script; blanks and form may differ, too."""
    if _folded(one) == _folded(other):
        return True
    # Folding keeps the dotted and the dotless i apart; Turkish text has both.
    return one.upper() == other.upper() or one.lower() == other.lower()


def is_mojibake(one: str, other: str) -> bool:
    """Say whether one text is the other in the wrong encoding, or without what is not ASCII."""
    return _is_spoilt(one, other) or _is_spoilt(other, one)


def is_percent_encoded(one: str, other: str) -> bool:
    """Say whether two texts are the same when ``%41``, ``+`` and ``%u0041`` are undone."""
    if not any(sign in text for sign in "%+" for text in (one, other)):
        return False
    return not _decodings(one).isdisjoint(_decodings(other))


def is_cut(one: str, other: str) -> bool:
    """Say whether one text is the beginning of the other.

    What a cut leaves at its end does not count: half a character, or dots.
    """
    short, long = sorted((one, other), key=len)
    return _is_beginning(short, long) or _is_beginning(long, short)


def is_same_number(one: str, other: str) -> bool:
    """Say whether two texts write the same 64-bit float; ``007`` is no number.

    Two whole numbers never do: digits beyond the 53rd bit of an identifier count.
    """
    if not (_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)):
        return False
    if _ROUND.fullmatch(one) and _ROUND.fullmatch(other):
        return False
    return float(one) == float(other) and abs(float(one)) != float("inf")


def is_shifted_moment(one: str, other: str) -> bool:
    """Say whether two ISO 8601 texts lie a difference of time zones apart, or none at all."""
    ours, theirs = _moment(one), _moment(other)
    if ours is None or theirs is None:
        return False
    shift = abs(ours - theirs)
    return shift <= timedelta(seconds=WIDEST_ZONE) and not shift % timedelta(seconds=QUARTER)


def is_shifted_time(name: str, one: Decimal, other: Decimal) -> bool:
    """Say whether two finite numbers are times in two zones or in two units.

    :param name: the field's; whole quarters of an hour are chance in one that names no time.
    """
    low, high = sorted((one, other))
    if any(_is_time(low) and _is_unit(low, high, unit) for unit in UNITS):
        return True
    return _TIMED.search(name) is not None and any(
        _is_time(low / unit) and _is_zone(high - low, unit) for unit in (1, *UNITS)
    )


def _is_time(seconds: Decimal) -> bool:
    return SOONEST <= seconds <= LATEST


def _is_zone(shift: Decimal, unit: int) -> bool:
    return shift <= WIDEST_ZONE * unit and shift % (QUARTER * unit) == 0


def _is_unit(low: Decimal, high: Decimal, unit: int) -> bool:
    """Say whether *high* counts in a smaller unit; *low* may be rounded either way."""
    return abs(high / unit - low) < 1


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_blanks(text: str) -> str:
    return "".join(text.split()).translate(_INVISIBLE)


def _folded(text: str) -> str:
    form = unicodedata.normalize("NFKC", text.casefold())
    # Lower case of the Turkish dotted I is an i with one more dot.
    return _without_blanks(form).casefold().replace("i\u0307", "i")


def _is_spoilt(good: str, bad: str) -> bool:
    if good.isascii():
        return False
    return bad in _replaced(good) or _has_signs(good, bad) or bad in _misread(good, len(bad))


def _misread(good: str, most: int) -> Iterator[str]:
    """Give what UTF-8 looks like as latin-1 or Windows-1252, once and several times over."""
    for table in (_LATIN, _WINDOWS):
        text = good
        for _ in range(ROUNDS):
            if len(text) >= most:
                break
            text, _ = codecs.charmap_decode(_bytes(text), "strict", table)
            yield text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _replaced(good: str) -> Iterator[str]:
    """Give *good* with a ``?`` for what an encoding lacks, by characters and by bytes; without."""
    for encoding in ("ascii", "latin-1", "cp1252"):
        yield good.encode(encoding, "replace").decode(encoding)
    yield "".join(one if one.isascii() else "?" * len(_bytes(one)) for one in good)
    plain = _plain(good)
    if not good.startswith(plain):
        yield plain


def _has_signs(good: str, bad: str) -> bool:
    """Say whether *bad* has U+FFFD in the place of what is not ASCII in *good*."""
    return "\ufffd" in bad and "\ufffd" not in good and _plain(good) == _plain(bad)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii())


def _decodings(text: str) -> set[str]:
    """Return *text*, and what it is when percent signs are undone, up to two times.

    Bytes that are not UTF-8 all become U+FFFD, so a text that gains one says nothing.
    """
    found = {text}
    for _ in range(2):
        found |= {undo(one) for one in found for undo in _UNDO}
    return {one for one in found if one == text or "\ufffd" not in one}


def _unescaped(text: str) -> str:
    """Undo JavaScript's ``escape`` (ECMA-262, annex B.2.1)."""
    wide = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    joined = wide.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return unquote(joined, "latin-1")


_UNDO = (unquote, unquote_plus, _unescaped)


def _is_beginning(short: str, long: str) -> bool:
    """Say whether *long* goes on where *short* stops, however it marks the cut."""
    bare = short
    for ending in _ENDINGS:
        bare = bare.removesuffix(ending)
    bare = bare.rstrip("\ufffd")
    if bare and 0xD800 <= ord(bare[-1]) < 0xDC00:
        bare = bare[:-1]
    return bool(bare) and len(bare) < len(long) and long.startswith(bare)
