"""Where the body of a message ends, piece by piece; nothing is kept (RFC 9112, section 7)."""

import re

_size = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*+)?\r\n").fullmatch
_trailer = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n").fullmatch
LONGEST_LINE = 4096
"""Bytes of a line between the chunks, and of all trailers."""


class BadChunk(Exception):
    """What should frame a chunk does not; the text says what."""


class Sized:
    """A body of a length that is known."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def ended(self) -> bool:
        """Whether all of the body was there."""
        return not self._left

    def take(self, data: bytes, at: int) -> int:
        """Return the position in *data* behind what belongs to the body from *at* on."""
        end = min(len(data), at + self._left)
        self._left -= end - at
        return end


class UntilClosed:
    """A body that ends with its connection."""

    __slots__ = ()
    ended = False

    def take(self, data: bytes, at: int) -> int:
        """Return the end of *data*."""
        return len(data)


class Chunked:
    """A body in chunks, with extensions and trailers, by its exact grammar.

    The size is of hexadecimal digits alone, at most fifteen; nothing stands between it and the
    line's end but an extension, which begins with a semicolon. Each line ends with CR LF.
    """

    __slots__ = ("_left", "_line", "_state", "_trailers", "ended")

    _SIZE, _DATA, _END, _TRAILERS = range(4)

    def __init__(self) -> None:
        self.ended = False
        self._state = self._SIZE
        self._left = 0
        self._line = b""
        self._trailers = 0

    def take(self, data: bytes, at: int) -> int:
        """Return the position in *data* behind what belongs to the body from *at* on.

        :raises BadChunk: these are no chunks.
        """
        while at < len(data) and not self.ended:
            if self._state == self._DATA:
                step = min(self._left, len(data) - at)
                at += step
                self._left -= step
                if not self._left:
                    self._state = self._END
            else:
                at = self._take_line(data, at)
        return at

    def _take_line(self, data: bytes, at: int) -> int:
        """Take a line, or the part of it that is there."""
        end = data.find(b"\n", at, at + LONGEST_LINE) + 1
        self._line += data[at : end or len(data)]
        if not end:
            self._check_part()
            return len(data)
        line, self._line = self._line, b""
        self._judge(line)
        return end

    def _check_part(self) -> None:
        """Refuse what cannot become a line any more, however much of it will come."""
        if len(self._line) > LONGEST_LINE:
            raise BadChunk("a line between chunks without end")
        if self._state == self._END and self._line != b"\r":
            raise BadChunk("a chunk longer than its size")
        if b"\r" in self._line[:-1] or b"\0" in self._line:
            raise BadChunk("a line between chunks with a control character")

    def _judge(self, line: bytes) -> None:
        if self._state == self._END:
            if line != b"\r\n":
                raise BadChunk("a chunk longer than its size")
            self._state = self._SIZE
        elif self._state == self._SIZE:
            found = _size(line)
            if found is None or len(line) > LONGEST_LINE:
                raise BadChunk("the size of a chunk is none")
            self._left = int(found.group(1), 16)
            self._state = self._DATA if self._left else self._TRAILERS
        elif line == b"\r\n":
            self.ended = True
        else:
            self._trailers += len(line)
            if not _trailer(line) or self._trailers > LONGEST_LINE:
                raise BadChunk("a trailer that is none")


Body = Sized | Chunked | UntilClosed


def unchunked(data: bytes) -> bytes:
    """Return what the chunks of *data* hold; *data* is whole and was checked, or is a part of such.

    Trailers and extensions are dropped.
    """
    at, pieces = 0, []
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].partition(b";")[0] or b"0", 16)
        if not size:
            break
        pieces.append(data[end + 2 : end + 2 + size])
        at = end + size + 4
    return b"".join(pieces)
