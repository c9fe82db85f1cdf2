"""A side's bytes cut into answers; no I/O.

What can be passed on is passed on at once; of each final answer the beginning is kept for the
record. A head is held back until it is complete, so that something that is no answer never reaches
a client.
"""

from shadow.relaying.bodies import BadChunk, Body, Chunked, Sized, UntilClosed
from shadow.relaying.grammar import AnswerHead, Malformed, answer_head, is_hopeless
from shadow.relaying.raw import RawAnswer

HEAD_LIMIT = 64 * 1024
MEMORABLE = 1024
"""Bytes of an answer that may be remembered."""
MEMORY = 128
_NO_BODY = (204, 304)


class KnownAnswers:
    """Answers that were read already, for a while: the same bytes are the same answer.

    Most answers of an ingestion service are equal to the last byte within a second.
    """

    __slots__ = ("_heads", "get")

    def __init__(self) -> None:
        self._heads: dict[bytes, AnswerHead] = {}
        self.get = self._heads.get
        """Gives the head of the answer that some bytes are exactly, or ``None``."""

    def add(self, data: bytes, head: AnswerHead) -> None:
        """Remember that *data* is exactly one answer, and leaves its connection open."""
        if len(data) > MEMORABLE:
            return
        if len(self._heads) >= MEMORY:
            self._heads.clear()
        self._heads[data] = head


class AnswerFramer:
    """Reads the answers of one connection, one for each :meth:`expect`."""

    __slots__ = (
        "_body",
        "_fresh",
        "_head",
        "_held",
        "_interim",
        "_is_head",
        "_kept",
        "_known",
        "_most",
        "_recall",
        "_size",
        "answer",
        "surplus",
        "wrong",
    )

    def __init__(self, most: int, known: KnownAnswers | None = None) -> None:
        self._most = most
        """Bytes that are kept of an answer."""
        self._known = known or KnownAnswers()
        self._recall = self._known.get
        self.wrong = ""
        """Why this is no answer, or an empty text."""
        self.surplus = False
        """Whether more came than an answer: the connection is not to be used again."""
        self.expect(False, True)
        self._begin_anew()

    def expect(self, is_head: bool, interim: bool) -> None:
        """Make ready for the answer to a request, one of HEAD or another; all was well before.

        *interim*: whether ``100 Continue`` is passed on; it is not if the client has had it.
        """
        self._is_head = is_head
        self._interim = interim
        self._fresh = True
        self.answer: RawAnswer | None = None
        """The answer, once it is complete."""

    def _begin_anew(self) -> None:
        self._fresh = False
        self._held = b""
        self._head: AnswerHead | None = None
        self._body: Body | None = None
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def begun(self) -> bool:
        """Whether the head of the final answer is here."""
        return self._head is not None

    @property
    def overlong(self) -> bool:
        """Whether the answer is longer than what is kept of it."""
        return self._size > self._most

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return those that can be passed on."""
        if self._fresh:
            head = self._recall(data)
            if head is not None and not self._is_head:
                self.answer = RawAnswer(head, data, True, True)
                return data
            self._begin_anew()
        if self._body is not None:
            return self._go_on(data, 0)
        if self._held:
            data = self._held + data
            self._held = b""
        return self._read_heads(data)

    def close(self) -> None:
        """Take the orderly end of the connection, which ends the answers that have no other."""
        if self._fresh:
            return
        if isinstance(self._body, UntilClosed) and not self.wrong:
            self._finish()

    def _read_heads(self, data: bytes) -> bytes:
        """Read heads until a final one; those before it are interim answers."""
        passed = b""
        while True:
            head = answer_head(data)
            if head is None or isinstance(head, Malformed):
                self._hold(data, head)
                return passed
            if head.status >= 200:
                return passed + self._begin(head, data)
            if head.status == 101:
                self.wrong = "the connection was upgraded"
                return passed
            if self._interim or head.status != 100:
                passed += data[: head.end]
            data = data[head.end :]

    def _hold(self, data: bytes, head: Malformed | None) -> None:
        """Keep the beginning of a head, if it can become one."""
        if head is not None:
            self.wrong = head.why
        elif b"\r\n\r\n" in data or is_hopeless(data, 0) or not _may_become_head(data):
            self.wrong = "not an answer of HTTP/1.1"
        elif len(data) > HEAD_LIMIT:
            self.wrong = "a head too large"
        self._held = data

    def _begin(self, head: AnswerHead, data: bytes) -> bytes:
        self._head = head
        if self._is_head or head.status in _NO_BODY:
            self._body = Sized(0)
        elif head.chunked:
            self._body = Chunked()
        elif head.length >= 0:
            self._body = Sized(head.length)
        else:
            self._body = UntilClosed()
        return self._go_on(data, head.end)

    def _go_on(self, data: bytes, at: int) -> bytes:
        """Take bytes of the body, which lies in *data* from *at* on."""
        body = self._body
        assert body is not None
        if self.answer is not None:
            self.surplus = self.surplus or bool(data)
            return b""
        try:
            end = body.take(data, at)
        except BadChunk as why:
            self.wrong = str(why)
            return b""
        if end < len(data):
            self.surplus = True
            data = data[:end]
        if self._size <= self._most:
            self._kept.append(data)
        self._size += len(data)
        if body.ended:
            self._finish()
        return data

    def _finish(self) -> None:
        head = self._head
        assert head is not None
        data = self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
        whole = self._size <= self._most
        keeps = head.keeps and not head.doubtful and not isinstance(self._body, UntilClosed)
        self.answer = RawAnswer(head, data if whole else data[: self._most], whole, keeps)
        if keeps and whole and len(self._kept) == 1 and not self._is_head:
            self._known.add(data, head)


def _may_become_head(data: bytes) -> bool:
    begin = b"HTTP/1."
    return data[: len(begin)] == begin[: len(data)]
