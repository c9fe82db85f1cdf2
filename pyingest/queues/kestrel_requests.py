"""Kestrel's memcache dialect as the server hears it: bytes in, requests out.

Source: twitter-archive/kestrel, ``MemcacheHandler.scala``, and its wire codec naggati2. A line
ends in LF or CRLF and is split on single blanks; only the command word may be in any case.
"""

from collections.abc import Callable
from dataclasses import dataclass

CLIENT_ERROR = b"CLIENT_ERROR"
LONGEST_LINE = 8192
"""Bytes of a command line; a longer one cannot be a command."""
FORBIDDEN = frozenset("/.~")
STORAGE = frozenset({"add", "replace", "append", "prepend", "cas"})


@dataclass(frozen=True, slots=True)
class Set:
    """``set``: store *body*. Flags and expiry are dropped: nothing expires here."""

    queue: str
    body: bytes


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A ``set`` whose data was over the limit and has been skipped."""

    queue: str


@dataclass(frozen=True, slots=True)
class Get:
    """``get`` or ``gets`` with its options."""

    queue: str
    wait: float = 0.0
    """Seconds."""
    opening: bool = False
    closing: bool = False
    aborting: bool = False
    peeking: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """``monitor``: open items as they come, for *seconds* or until there are *most*."""

    queue: str
    seconds: float
    most: int | None


@dataclass(frozen=True, slots=True)
class Confirm:
    """``confirm``: close the *count* oldest open reads."""

    queue: str
    count: int


@dataclass(frozen=True, slots=True)
class OnQueue:
    """``delete``, ``flush`` or ``flush_expired`` of one queue."""

    word: str
    queue: str


@dataclass(frozen=True, slots=True)
class OnServer:
    """``stats``, ``dump_stats``, ``flush_all``, ``flush_all_expired``, ``version``, ..."""

    word: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Malformed:
    """A request that gets an error word, and the end of its connection when it is *final*."""

    answer: bytes = CLIENT_ERROR
    final: bool = True


Request = Set | TooLarge | Get | Monitor | Confirm | OnQueue | OnServer | Malformed


@dataclass(slots=True)
class _Data:
    """A storage line whose data is on its way."""

    size: int
    request: Callable[[bytes], Request]
    keep: bool


class RequestReader:
    """Requests of one connection, cut out of a stream of bytes.

    :param largest: bytes of the largest message that is taken.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._data: _Data | None = None
        self._ended = False

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that are complete now. After a final error there are no more."""
        self._buffer += data
        found: list[Request] = []
        while not self._ended and (request := self._next()) is not None:
            self._ended = isinstance(request, Malformed) and request.final
            found.append(request)
        if self._ended:
            self._buffer.clear()
        return found

    def _next(self) -> Request | None:
        while self._data is None:
            end = self._buffer.find(b"\n")
            if end < 0 or end > LONGEST_LINE:
                return Malformed() if len(self._buffer) > LONGEST_LINE else None
            line = self._buffer[:end].removesuffix(b"\r").decode("latin-1")
            del self._buffer[: end + 1]
            parsed = self._parse(line)
            if not isinstance(parsed, _Data):
                return parsed
            self._data = parsed
        return self._body(self._data)

    def _body(self, data: _Data) -> Request | None:
        """Return the storage request once its data is there; the two bytes after it are skipped."""
        needed = data.size + 2
        if len(self._buffer) < needed:
            if not data.keep and self._buffer:
                data.size -= len(self._buffer)
                self._buffer.clear()
            return None
        body = bytes(memoryview(self._buffer)[: data.size]) if data.keep else b""
        del self._buffer[:needed]
        self._data = None
        return data.request(body)

    def _parse(self, line: str) -> Request | _Data:
        word, *arguments = line.split(" ")
        word = word.lower()
        try:
            if word == "set" or word in STORAGE:
                return self._storage(word, arguments)
            return parse_command(word, arguments)
        except ValueError:
            return Malformed()

    def _storage(self, word: str, arguments: list[str]) -> Request | _Data:
        if len(arguments) < 4:
            return Malformed(final=False)
        queue, size = arguments[0], int(arguments[3])
        int(arguments[1]), int(arguments[2])
        if size < 0:
            raise ValueError("a negative size")
        if word != "set" or not is_name(queue) or "+" in queue:
            return _Data(size, lambda _: Malformed(), False)
        if size > self._largest:
            return _Data(size, lambda _: TooLarge(queue), False)
        return _Data(size, lambda body: Set(queue, body), True)


def is_name(queue: str) -> bool:
    """Return whether *queue* may name one: visible ASCII without ``/``, ``.`` and ``~``."""
    return (
        bool(queue)
        and not FORBIDDEN.intersection(queue)
        and all("!" <= character <= "~" for character in queue)
    )


def parse_command(word: str, arguments: list[str]) -> Request:
    """Return a request that carries no data.

    :raises ValueError: a number is not one, or a name cannot be one.
    """
    match word, arguments:
        case ("get" | "gets", [key, *_]):
            return parse_get(key)
        case ("monitor", [queue, seconds, *rest]):
            return Monitor(
                valid(queue), max(0.0, float(int(seconds))), int(rest[0]) if rest else None
            )
        case ("confirm", [queue, count, *_]):
            return Confirm(valid(queue), int(count))
        case ("delete" | "flush" | "flush_expired", [queue, *_]):
            return OnQueue(word, valid(queue))
        case ("get" | "gets" | "monitor" | "confirm" | "delete" | "flush" | "flush_expired", _):
            return Malformed(final=False)
        case (
            "stats" | "dump_stats" | "flush_all" | "flush_all_expired"
            | "version" | "status" | "reload" | "quit",
            _,
        ):  # fmt: skip
            return OnServer(word, tuple(arguments))
    return Malformed()


def parse_get(key: str) -> Request:
    """Return the ``get`` of ``name/option/option``; unknown options are ignored, as Kestrel does.

    :raises ValueError: the name or the waiting time is malformed.
    """
    queue, *options = key.split("/")
    chosen = set(options)
    wait = 0
    for option in options:
        if option.startswith("t="):
            wait = int(option[2:] or 0)
    get = Get(
        valid(queue),
        max(0, wait) / 1000,
        "open" in chosen,
        "close" in chosen,
        "abort" in chosen,
        "peek" in chosen,
    )
    if (get.aborting or get.peeking) and (get.opening or get.closing):
        return Malformed()
    return get


def valid(queue: str) -> str:
    """Return *queue* if it may name one.

    :raises ValueError: it may not.
    """
    if not is_name(queue):
        raise ValueError("not a queue name")
    return queue
