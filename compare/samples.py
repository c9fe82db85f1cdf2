"""Examples of a cause: the smallest, the first, and a fair sample of the others."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from compare.tally import Example
from pyingest.message import Request

KEPT = 20
LONGEST = 4096
"""Characters kept of a request or an event."""
_NOT_SHOWN = {b"host", b"content-length", b"transfer-encoding", b"connection"}
_CREDENTIALS = {b"cookie", b"authorization", b"proxy-authorization"}
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(slots=True)
class _Kept:
    order: int
    size: int
    example: Example


class Samples:
    """Keeps at most twenty examples of however many; the seed makes the choice repeatable."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._seen = 0
        self._first: _Kept | None = None
        self._smallest: _Kept | None = None
        self._fair: list[_Kept] = []

    def offer(self, order: int, size: int, make: Callable[[], Example]) -> None:
        """Take note of a case; it is only made if it is kept.

        :param order: the exchange's number; the lowest one is the first.
        """
        self._seen += 1
        place = self._place()
        first = self._first is None or order < self._first.order
        smallest = self._smallest is None or size < self._smallest.size
        if not first and not smallest and place is None:
            return
        kept = _Kept(order, size, make())
        if first:
            self._first = kept
        if smallest:
            self._smallest = kept
        if place is not None:
            self._fair[place : place + 1] = [kept]

    def _place(self) -> int | None:
        """Return where a case goes in the sample (Vitter's algorithm R), or ``None``."""
        if self._seen <= KEPT - 2:
            return len(self._fair)
        place = self._random.randrange(self._seen)
        return place if place < KEPT - 2 else None

    def examples(self) -> tuple[Example, ...]:
        """Return the smallest example, the first, and the others in order of time."""
        chosen = [kept for kept in (self._smallest, self._first) if kept is not None]
        chosen += sorted(self._fair, key=lambda kept: (kept.order, kept.size))
        unique = {id(kept): kept.example for kept in chosen}
        return tuple(unique.values())


def curl(request: Request) -> str:
    """Return *request* as one curl command to ``http://HOST``, without credentials."""
    words = ["curl", "-sS", "--path-as-is", "-X", request.method.decode("latin-1")]
    words.append(_quoted(b"http://HOST" + request.target))
    for name, value in request.headers:
        if name.lower() not in _NOT_SHOWN | _CREDENTIALS:
            words += ["-H", _quoted(name + b": " + value)]
    if request.body:
        words += ["--data-binary", _quoted(request.body)]
    return clipped(" ".join(words))


def clipped(text: str) -> str:
    """Return *text*, cut to 4 096 characters with a note if it is longer."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 40]}… ({len(text)} characters in all)"


def shown(body: bytes | None) -> str | None:
    """Return an event as text; bytes that are not UTF-8 stand as ``\\xNN``."""
    return None if body is None else clipped(body.decode("utf-8", "backslashreplace"))


def _quoted(data: bytes) -> str:
    """Return *data* as one word for a shell; bytes that do not print as ``$'\\xNN'``."""
    text = data.decode("latin-1")
    if _PRINTABLE.fullmatch(text):
        return shlex.quote(text)
    letters = (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in data)
    plain = {"\\": "\\\\", "'": "\\'"}
    return "$'" + "".join(plain.get(letter, letter) for letter in letters) + "'"
