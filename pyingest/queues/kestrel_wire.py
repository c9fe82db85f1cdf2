"""Kestrel's memcache dialect as a client speaks and hears it: replies cut out of bytes.

Source: twitter-archive/kestrel, ``MemcacheHandler.scala``. Errors are bare words, and the name
on a ``VALUE`` line is the queue's, without the options that were asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pyingest.queues.interface import Outcome

OUTCOMES = {b"STORED": Outcome.STORED, b"NOT_STORED": Outcome.FULL}
ERRORS = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")
"""Bare words, each the last of its connection."""
NAME_FORBIDDEN = frozenset("/.~+")
LONGEST_LINE = 65_536
"""Bytes of a reply line (a ``STAT`` line at most); a longer one is not a reply."""
LARGEST_VALUE = 1 << 30
LONGEST_NAME = 250
"""Bytes of a key in the memcache protocol."""


class ReplyError(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Value:
    """One message that a ``get`` brought."""

    queue: str
    body: bytes


Reply = bytes | Value
"""A line without its end, or a message."""


def set_request(queue: str, body: bytes) -> bytes:
    """Return the bytes that store *body*: flags 0, never expires."""
    return b"set %b 0 0 %d\r\n%b\r\n" % (queue.encode("latin-1"), len(body), body)


class ReplyReader:
    """Replies of one connection. Which line ends which answer is for the caller to know."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._value: tuple[str, int] | None = None

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that are complete now; lines as they are, messages as values.

        :raises ReplyError: the bytes cannot be replies.
        """
        self._buffer += data
        while (reply := self._next()) is not None:
            yield reply

    def _next(self) -> Reply | None:
        if self._value is None:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) > LONGEST_LINE:
                    raise ReplyError("a line without an end")
                return None
            line = bytes(self._buffer[:end].removesuffix(b"\r"))
            del self._buffer[: end + 1]
            if not line.startswith(b"VALUE "):
                return line
            self._value = value_head(line)
        return self._body(*self._value)

    def _body(self, queue: str, size: int) -> Value | None:
        if len(self._buffer) < size + 2:
            return None
        body = bytes(memoryview(self._buffer)[:size])
        del self._buffer[: size + 2]
        self._value = None
        return Value(queue, body)


def value_head(line: bytes) -> tuple[str, int]:
    """Return the queue and the size that a ``VALUE`` line announces.

    :raises ReplyError: the line is malformed.
    """
    words = line.split(b" ")
    if len(words) < 4 or not words[3].isdigit() or int(words[3]) > LARGEST_VALUE:
        raise ReplyError(f"not a VALUE line: {line[:80]!r}")
    return words[1].decode("latin-1"), int(words[3])


def is_queue_name(name: str) -> bool:
    """Return whether *name* can be written to: visible ASCII without Kestrel's own signs.

    A name with a blank or a line end would smuggle in a command.
    """
    visible = all("!" <= letter <= "~" for letter in name)
    return 0 < len(name) <= LONGEST_NAME and visible and not NAME_FORBIDDEN.intersection(name)


def outcome(answer: list[Reply]) -> Outcome:
    """Return what the answer to a ``set`` says: error words say no, anything else says nothing."""
    match answer:
        case [bytes(word)] if word in OUTCOMES:
            return OUTCOMES[word]
        case [bytes(word)] if word in ERRORS:
            return Outcome.REFUSED
    return Outcome.UNKNOWN


def is_version(reply: Reply) -> bool:
    """Return whether *reply* answers ``version``."""
    return isinstance(reply, bytes) and reply.startswith(b"VERSION ")


def stat(line: bytes) -> tuple[str, int]:
    """Return the name and the number of a ``STAT`` line; no name if it is none."""
    words = line.decode("latin-1").split(" ")
    if len(words) == 3 and words[0] == "STAT" and words[2].isdigit():
        return words[1], int(words[2])
    return "", 0
