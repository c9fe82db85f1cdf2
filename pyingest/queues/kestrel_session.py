"""One client's conversation with a Kestrel server: requests in, answers out, in order.

Knows no network: the queues it works on and the connection it answers to are arguments.
Source of the rules: twitter-archive/kestrel, ``MemcacheHandler.scala`` and ``KestrelHandler``.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from pyingest.queues.broker import Cursor
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_requests import (
    Confirm,
    Get,
    Malformed,
    Monitor,
    OnQueue,
    OnServer,
    Request,
    Set,
    TooLarge,
)
from pyingest.queues.log import Item

END = b"END\r\n"
ERROR = b"ERROR"
SERVER_ERROR = b"SERVER_ERROR"
STORED = b"STORED\r\n"
NOT_STORED = b"NOT_STORED\r\n"
VERSION = b"VERSION 2.4.1\r\n"
"""The version whose behaviour this is; clients choose their commands by it."""
MOST_OPEN = 100
"""Open reads of one queue on one connection: Kestrel's shipped ``maxOpenTransactions``."""


class Store(Protocol):
    """The queues, as a session needs them."""

    def append(self, queue: str, body: bytes, done: Callable[[Outcome], None]) -> None:
        """Store a message; call *done* after COMMIT."""

    async def refer(self, name: str) -> Cursor:
        """Return a queue, which is created for good by this reference."""

    async def next(self, cursor: Cursor, seconds: float, taking: bool) -> Item | None:
        """Return the next message, waiting up to *seconds*; with *taking* it becomes open.

        :raises QueueError: the messages cannot be read now.
        """

    def confirm(self, cursor: Cursor, offsets: list[int], done: Callable[[bool], None]) -> None:
        """Make it last that messages are consumed; call *done* with whether it does."""

    def put_back(self, cursor: Cursor, offsets: list[int]) -> None:
        """Put open messages back."""

    async def remove(self, name: str, whole: bool) -> bool:
        """Drop what waits in a queue, and with *whole* the queue; return whether that lasts."""

    def statistics(self) -> list[tuple[str, int]]:
        """Return names and values for ``stats``."""

    def listing(self, names: tuple[str, ...]) -> list[tuple[str, list[tuple[str, int]]]]:
        """Return each queue (of *names*, if any) with its figures, for ``dump_stats``."""

    def names(self) -> list[str]:
        """Return the names of all queues."""


class Refusal(Exception):
    """A request that ends the connection with a bare error word."""

    def __init__(self, word: bytes) -> None:
        super().__init__(word.decode())
        self.word = word


class Answer:
    """The place of one answer in the order of the answers."""

    __slots__ = ("done", "final", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.done = False
        self.final = False
        """The connection ends after it."""


class Session:
    """One connection's requests and open reads.

    :param send: writes bytes to the client.
    :param hang_up: ends the connection once everything is written.
    :param spawn: runs a coroutine until the session ends.
    """

    def __init__(
        self,
        store: Store,
        send: Callable[[bytes], None],
        hang_up: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._store = store
        self._send = send
        self._hang_up = hang_up
        self._spawn = spawn
        self._requests: deque[Request] = deque()
        self._answers: deque[Answer] = deque()
        self._sets = 0
        self._busy = False
        self._ended = False
        self._final = False
        self._held = False
        self._going = False
        self._open: dict[Cursor, deque[int]] = {}

    @property
    def load(self) -> int:
        """How many requests and answers are under way."""
        return len(self._requests) + len(self._answers)

    def requested(self, requests: list[Request]) -> None:
        """Take requests; their answers leave in this order."""
        if not self._final:
            self._requests.extend(requests)
            self._go_on()

    def hold(self) -> None:
        """Begin nothing new: the client does not read its answers."""
        self._held = True

    def release(self) -> None:
        """Go on after :meth:`hold`."""
        self._held = False
        self._go_on()

    def ended(self) -> None:
        """Put open reads back: the client is gone."""
        self._ended = True
        self._requests.clear()
        self._answers.clear()
        for cursor, offsets in self._open.items():
            self._store.put_back(cursor, list(offsets))
        self._open.clear()

    def _go_on(self) -> None:
        """Begin what may begin: sets at once, anything else after the sets before it.

        What is answered at once comes back here; then the loop that runs already goes on.
        """
        if self._going:
            return
        self._going = True
        while self._requests and not self._busy and not self._held:
            request = self._requests[0]
            if self._sets and not isinstance(request, Set):
                break
            self._requests.popleft()
            answer = Answer()
            self._answers.append(answer)
            if isinstance(request, Set):
                self._set(request, answer)
            else:
                self._busy = True
                self._spawn(self._serve(request, answer))
        self._going = False

    def _set(self, request: Set, answer: Answer) -> None:
        def done(outcome: Outcome) -> None:
            self._sets -= 1
            match outcome:
                case Outcome.STORED:
                    self._finish(answer, STORED)
                case Outcome.FULL:
                    self._finish(answer, NOT_STORED)
                case _:
                    self._refuse(answer, SERVER_ERROR)
            self._go_on()

        self._sets += 1
        self._store.append(request.queue, request.body, done)

    async def _serve(self, request: Request, answer: Answer) -> None:
        try:
            await self._answer(request, answer)
        except Refusal as refusal:
            self._refuse(answer, refusal.word)
        except QueueError:
            self._refuse(answer, SERVER_ERROR)
        self._busy = False
        self._go_on()

    async def _answer(self, request: Request, answer: Answer) -> None:
        match request:
            case Get():
                await self._get(request, answer)
            case Monitor(queue, seconds, most):
                await self._monitor(queue, seconds, most, answer)
            case Confirm(queue, count):
                await self._confirm(queue, count, answer)
            case OnQueue(word, queue):
                await self._on_queue(word, queue, answer)
            case OnServer(word, arguments):
                await self._on_server(word, arguments, answer)
            case TooLarge():
                self._finish(answer, NOT_STORED)
            case Malformed(word, final):
                if final:
                    raise Refusal(word)
                self._finish(answer, word + b"\r\n")

    async def _get(self, get: Get, answer: Answer) -> None:
        cursor = await self._store.refer(get.queue)
        if get.aborting:
            self._abort(cursor)
            self._finish(answer, END)
            return
        closing = self._oldest(cursor, 1) if get.closing else []
        if get.closing and not get.opening:
            self._consume(cursor, closing, answer, END)
            return
        if not get.peeking:
            self._check_open(cursor, get)
        if closing:
            # Confirmed before the wait for the next one, not together with it.
            self._consume(cursor, closing, answer, b"", last=False)
        item = await self._store.next(cursor, get.wait, not get.peeking)
        data = END if item is None else value(cursor.name, item[1]) + END
        if item is None or get.peeking:
            self._finish(answer, data)
        elif get.opening:
            self._keep_open(cursor, item[0])
            self._finish(answer, data)
        else:
            self._consume(cursor, [item[0]], answer, data)

    async def _monitor(self, queue: str, seconds: float, most: int | None, answer: Answer) -> None:
        cursor = await self._store.refer(queue)
        room = MOST_OPEN - len(self._open.get(cursor, ()))
        for number in range(room if most is None else min(most, room)):
            # Kestrel waits for the first item; then it takes what is there.
            item = await self._store.next(cursor, 0.0 if number else seconds, True)
            if item is None:
                break
            self._keep_open(cursor, item[0])
            self._write(answer, value(cursor.name, item[1]) + END)
        self._finish(answer, END)

    async def _confirm(self, queue: str, count: int, answer: Answer) -> None:
        cursor = await self._store.refer(queue)
        if not 0 < count <= len(self._open.get(cursor, ())):
            self._finish(answer, ERROR + b"\r\n")
            return
        self._consume(cursor, self._oldest(cursor, count), answer, END)

    async def _on_queue(self, word: str, queue: str, answer: Answer) -> None:
        if word == "flush_expired":
            self._finish(answer, b"0\r\n")
            return
        if not await self._store.remove(queue, word == "delete"):
            raise Refusal(SERVER_ERROR)
        self._finish(answer, b"DELETED\r\n" if word == "delete" else END)

    async def _on_server(self, word: str, arguments: tuple[str, ...], answer: Answer) -> None:
        match word:
            case "stats":
                lines = [f"STAT {name} {figure}\r\n" for name, figure in self._store.statistics()]
                self._finish(answer, "".join(lines).encode("latin-1") + END)
            case "dump_stats":
                self._finish(answer, dump(self._store.listing(arguments)) + END)
            case "flush_all":
                for name in self._store.names():
                    if not await self._store.remove(name, False):
                        raise Refusal(SERVER_ERROR)
                self._finish(answer, b"Flushed all queues.\r\n")
            case "flush_all_expired":
                self._finish(answer, b"0\r\n")
            case "version":
                self._finish(answer, VERSION)
            case "status":
                self._finish(answer, END if arguments else b"up\r\n")
            case "reload":
                self._finish(answer, b"Reloaded config.\r\n")
            case _:
                answer.final = True
                self._finish(answer, b"")

    def _check_open(self, cursor: Cursor, get: Get) -> None:
        """Turn away what Kestrel does: too many open reads, or a plain one beside them."""
        count = len(self._open.get(cursor, ()))
        if count >= MOST_OPEN if get.opening else count:
            raise Refusal(ERROR)

    def _keep_open(self, cursor: Cursor, offset: int) -> None:
        self._open.setdefault(cursor, deque()).append(offset)
        if self._ended:
            self.ended()

    def _oldest(self, cursor: Cursor, count: int) -> list[int]:
        """Return the *count* oldest open reads, which are the connection's no more."""
        mine = self._open.get(cursor, deque())
        return [mine.popleft() for _ in range(min(count, len(mine)))]

    def _abort(self, cursor: Cursor) -> None:
        if offsets := self._oldest(cursor, 1):
            self._store.put_back(cursor, offsets)

    def _consume(
        self, cursor: Cursor, offsets: list[int], answer: Answer, data: bytes, last: bool = True
    ) -> None:
        """Confirm messages; with *last*, answer with *data* after COMMIT."""

        def done(lasting: bool) -> None:
            if not lasting and answer.done:
                self._stop()
            elif not lasting:
                self._refuse(answer, SERVER_ERROR)
            elif last:
                self._finish(answer, data)

        if offsets:
            self._store.confirm(cursor, offsets, done)
        else:
            done(True)

    def _finish(self, answer: Answer, data: bytes) -> None:
        answer.done = True
        self._write(answer, data)

    def _stop(self) -> None:
        """Hear and say no more."""
        self._final = True
        self._requests.clear()
        self._answers.clear()
        self._hang_up()

    def _refuse(self, answer: Answer, word: bytes) -> None:
        answer.final = True
        answer.parts.clear()
        self._finish(answer, word + b"\r\n")

    def _write(self, answer: Answer, data: bytes) -> None:
        """Send everything whose turn has come."""
        answer.parts.append(data)
        if not self._answers or self._answers[0] is not answer:
            return
        ready: list[bytes] = []
        while self._answers:
            head = self._answers[0]
            ready += head.parts
            head.parts.clear()
            if not head.done:
                break
            self._answers.popleft()
            if head.final:
                self._send(b"".join(ready))
                self._stop()
                return
        self._send(b"".join(ready))


def value(queue: str, body: bytes) -> bytes:
    """Return one message for the wire; flags are always 0."""
    return b"VALUE %b 0 %d\r\n%b\r\n" % (queue.encode("latin-1"), len(body), body)


def dump(queues: list[tuple[str, list[tuple[str, int]]]]) -> bytes:
    """Return the text of ``dump_stats`` without its end."""
    lines: list[str] = []
    for name, figures in queues:
        lines += [f"queue '{name}' {{", *(f"  {key}={figure}" for key, figure in figures), "}"]
    return "".join(line + "\r\n" for line in lines).encode("latin-1")
