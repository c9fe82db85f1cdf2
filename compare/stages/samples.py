"""Examples of a cause: the smallest, the first, and a fair sample of the others."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from compare.differing.canonical import digest
from compare.stages.tally import Example
from pyingest.message import Request

KEPT = 20
LONGEST = 4096
"""Characters kept of a request or an event."""
_NOT_SHOWN = {b"host", b"content-length", b"transfer-encoding", b"connection"}
_CREDENTIALS = {b"cookie", b"authorization", b"proxy-authorization"}
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class _Kept:
    rank: bytes
    order: int
    size: int
    example: Example


@dataclass(slots=True)
class Samples:
    """Keeps at most twenty examples of however many.

    The choice depends on the cases alone, not on the order in which they come, so that samples
    of parts merge into the sample of the whole: a fair sample is those whose hash is least.
    """

    seed: str
    _first: _Kept | None = None
    _smallest: _Kept | None = None
    _fair: list[_Kept] = field(default_factory=list)

    def offer(self, order: int, size: int, mark: bytes, make: Callable[[], Example]) -> None:
        """Take note of a case; it is only made if it is kept.

        :param order: the exchange's number; the lowest one is the first.
        :param mark: what tells the case from others.
        """
        rank = digest(b"%b %d %b" % (self.seed.encode(), order, mark))
        if self._is_wanted(rank, order, size):
            self._take(_Kept(rank, order, size, make()))

    def merge(self, other: "Samples") -> None:
        """Take what *other*, of the same seed, keeps."""
        for one in (other._first, other._smallest, *other._fair):
            if one is not None:
                self._take(one)

    def examples(self) -> tuple[Example, ...]:
        """Return the smallest example, the first, and the others in order of time."""
        chosen = [kept for kept in (self._smallest, self._first) if kept is not None]
        chosen += sorted(self._fair, key=lambda kept: (kept.order, kept.size, kept.rank))
        unique = {kept.rank: kept.example for kept in chosen}
        return tuple(unique.values())

    def _is_wanted(self, rank: bytes, order: int, size: int) -> bool:
        if self._first is None or self._smallest is None or len(self._fair) < KEPT - 2:
            return True
        earlier = (order, rank) < (self._first.order, self._first.rank)
        return earlier or (size, order, rank) < _size(self._smallest) or rank < self._fair[-1].rank

    def _take(self, kept: _Kept) -> None:
        first, smallest = self._first, self._smallest
        if first is None or (kept.order, kept.rank) < (first.order, first.rank):
            self._first = kept
        if smallest is None or _size(kept) < _size(smallest):
            self._smallest = kept
        fair = {one.rank: one for one in (*self._fair, kept)}
        self._fair = [fair[rank] for rank in sorted(fair)[: KEPT - 2]]


def _size(kept: _Kept) -> tuple[int, int, bytes]:
    return kept.size, kept.order, kept.rank


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
