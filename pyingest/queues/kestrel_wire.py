"""Kestrel's dialect of the memcache text protocol, both directions, without any I/O.

Source of the dialect: Kestrel's guide and server code. A line ends in LF or CRLF; a storage
line is followed by as many bytes as it announces, and two that are skipped unchecked.
"""

from collections import deque
from dataclasses import dataclass

NAME_FORBIDDEN = frozenset("/.~+")
LONGEST_LINE = 4096
LONGEST_NAME = 250


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a client sent it."""

    words: tuple[str, ...]
    """The first in lower case; queue names keep theirs."""
    data: bytes | None = None
    """The value of a storage command."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no command; the connection must end."""

    why: str


class CommandReader:
    """Cuts a client's bytes into commands."""

    def __init__(self) -> None:
        self._buffer = b""
        self._storing: tuple[tuple[str, ...], int] | None = None

    def feed(self, data: bytes) -> list[Command | Garbage]:
        """Return the commands that *data* completed, in order."""
        self._buffer += data
        found: list[Command | Garbage] = []
        while (command := self._next()) is not None:
            found.append(command)
            if isinstance(command, Garbage):
                break
        return found

    def _next(self) -> Command | Garbage | None:
        if self._storing is not None:
            return self._value()
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return Garbage("line too long") if len(line) > LONGEST_LINE else None
        self._buffer = rest
        words = _words(line)
        if words[0] not in ("set", "add", "replace", "append", "prepend", "cas"):
            return Command(words)
        if len(words) < 5 or not words[4].isdigit():
            return Garbage("bad storage line")
        self._storing = (words, int(words[4]))
        return self._value()

    def _value(self) -> Command | None:
        assert self._storing is not None
        words, size = self._storing
        if len(self._buffer) < size + 2:
            return None
        value, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
        self._storing = None
        return Command(words, value)


@dataclass(frozen=True, slots=True)
class Value:
    """One item that a server sent."""

    queue: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Word:
    """A line that a server sent: ``STORED``, ``END``, an error word, ``STAT name value``."""

    text: str


class ReplyReader:
    """Cuts a server's bytes into values and lines."""

    def __init__(self) -> None:
        self._buffer = b""
        self._value: tuple[str, int] | None = None

    def feed(self, data: bytes) -> list[Value | Word]:
        """Return what *data* completed, in order.

        :raises ValueError: the server sent a VALUE line that is none.
        """
        self._buffer += data
        found: list[Value | Word] = []
        while (reply := self._next()) is not None:
            found.append(reply)
        return found

    def _next(self) -> Value | Word | None:
        if self._value is not None:
            queue, size = self._value
            if len(self._buffer) < size + 2:
                return None
            body, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
            self._value = None
            return Value(queue, body)
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return None
        self._buffer = rest
        text = line.rstrip(b"\r").decode("latin-1")
        if not text.startswith("VALUE "):
            return Word(text)
        words = text.split(" ")
        self._value = (words[1], int(words[3]))
        return self._next()


@dataclass(frozen=True, slots=True)
class Get:
    """What a ``get`` asks for: ``events+shadow/t=500/close/open``."""

    queue: str
    wait: float
    """Seconds to wait for an item; 0 asks once."""
    open: bool
    close: bool
    abort: bool
    peek: bool


def parse_get(key: str) -> Get | None:
    """Return what *key* asks for, or ``None`` when its options exclude each other."""
    queue, *options = key.split("/")
    wait = 0.0
    for option in options:
        if option.startswith("t=") and option[2:].isdigit():
            wait = int(option[2:]) / 1000
    has = set(options)
    get = Get(queue, wait, "open" in has, "close" in has, "abort" in has, "peek" in has)
    mixed = (get.peek or get.abort) and (get.open or get.close)
    return None if mixed or not queue or (get.peek and get.abort) else get


def set_command(queue: str, body: bytes) -> bytes:
    """Return the bytes that ask to store *body*; flags 0, never expiring."""
    return b"set %b 0 0 %d\r\n%b\r\n" % (queue.encode("ascii"), len(body), body)


def value_reply(queue: str, body: bytes) -> bytes:
    """Return the bytes of one item; the key has lost its options, as Kestrel does it."""
    return b"VALUE %b 0 %d\r\n%b\r\n" % (queue.encode("latin-1"), len(body), body)


def is_queue_name(name: str) -> bool:
    """Say whether *name* can be written to: visible ASCII without Kestrel's own signs."""
    return (
        0 < len(name) <= LONGEST_NAME
        and all("!" <= letter <= "~" for letter in name)
        and not NAME_FORBIDDEN & set(name)
    )


class Position:
    """Where one consumer of a queue stands: read, open, given back. At-least-once bookkeeping."""

    def __init__(self, after: int) -> None:
        self.fetched = after
        """Offset up to which items were fetched from the log."""
        self._ready: deque[tuple[int, bytes]] = deque()
        self.open: dict[int, bytes] = {}

    def feed(self, items: list[tuple[int, bytes]]) -> None:
        """Take items that follow those fetched before."""
        for off, body in items:
            if off > self.fetched:
                self._ready.append((off, body))
                self.fetched = off

    def take(self) -> tuple[int, bytes] | None:
        """Return the next item and set it aside, or ``None`` when none is here."""
        if not self._ready:
            return None
        off, body = self._ready.popleft()
        self.open[off] = body
        return off, body

    def peek(self) -> bytes | None:
        """Return the next item's body and leave it."""
        return self._ready[0][1] if self._ready else None

    def confirm(self, off: int) -> None:
        """Forget an item that was set aside: it is consumed."""
        self.open.pop(off, None)

    def give_back(self, off: int) -> None:
        """Put an item that was set aside back at the head."""
        body = self.open.pop(off, None)
        if body is not None:
            self._ready.appendleft((off, body))

    @property
    def waiting(self) -> int:
        """How many fetched items wait."""
        return len(self._ready)

    @property
    def done(self) -> int:
        """Offset up to which everything is consumed: what survives a restart."""
        pending = [*self.open, *(off for off, _ in self._ready)]
        return min(pending) - 1 if pending else self.fetched


def _words(line: bytes) -> tuple[str, ...]:
    first, *others = line.rstrip(b"\r").decode("latin-1").split(" ")
    return (first.lower(), *others)
