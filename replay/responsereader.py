"""Bytes to the statuses of responses, on llhttp (RFC 9112). What is in them is not kept."""

import enum

import httptools


class Progress(enum.Enum):
    """Where the answer to a request stands."""

    WAITING = enum.auto()
    DONE = enum.auto()
    DONE_AND_CLOSING = enum.auto()
    """Answered; the connection serves no other request."""
    MALFORMED = enum.auto()


class ResponseReader:
    """Reads the answers of one connection, one after the other."""

    def __init__(self) -> None:
        self.status = 0
        """Of the last answer."""
        self._expect(head=False)
        self._parser = httptools.HttpResponseParser(self)

    def expect(self, method: bytes) -> None:
        """Make ready for the answer to a request of this method."""
        self._expect(head=method == b"HEAD")

    def feed(self, data: bytes) -> Progress:
        """Take bytes; return where the expected answer stands."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return Progress.MALFORMED
        except httptools.HttpParserError:
            # llhttp wants a body after the head of an answer to HEAD; that one has none.
            return Progress.DONE_AND_CLOSING if self._is_whole_head() else Progress.MALFORMED
        if self._is_whole_head():
            self._parser = httptools.HttpResponseParser(self)
            return self._done(self._keep_alive)
        if not self._complete:
            return Progress.WAITING
        return self._done(self._keep_alive)

    def end(self) -> Progress:
        """Return where the answer stands when the other side has closed the connection."""
        if self._headers_complete and not self._framed:
            return Progress.DONE_AND_CLOSING
        return Progress.WAITING

    def _expect(self, head: bool) -> None:
        self._head = head
        self._headers_complete = self._complete = self._framed = self._keep_alive = False

    def _is_whole_head(self) -> bool:
        return self._head and self._headers_complete

    def _done(self, keep_alive: bool) -> Progress:
        return Progress.DONE if keep_alive else Progress.DONE_AND_CLOSING

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Forget the headers of an interim answer."""
        self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the answer says where it ends."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        """Note the status; an interim answer (1xx) is none."""
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            self._headers_complete = True
            self._keep_alive = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        self._complete = self._headers_complete
