"""HTTP/1.1 server side as a Twisted protocol, with no knowledge of what is served.

A handler gets each request and the peer's address, and gives the complete answer as bytes, at once
or later. Answers leave in the order of the requests, however the handlers finish. The connection
itself (keep-alive, ``Connection`` header, time limits, back-pressure) is the protocol's business
alone. A quick handler, where there is one, sees the bytes of each read first.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.connection import HttpProtocol
from pyingest.later import Answer
from pyingest.message import Request
from pyingest.reception import Reception
from pyingest.turn import plain_response
from pyingest.wire.requestreader import Limits


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers."""

    data: bytes
    """The complete response: head, and body in its framing."""
    close: bool = False
    """Whether the connection must end after this answer, whatever the client asked."""


Handler = Callable[[Request, str], Reply | Coroutine[Any, Any, Reply]]
"""Answers one request of the peer whose address (without port) is given."""
QuickHandler = Callable[[bytes, str], Answer]
"""Answers the bytes of one read from the peer whose address is given, if they are one whole request
of HTTP/1.1 that keeps the connection, and one that it knows how to answer quickly. With ``None``
it has done nothing, and the bytes are read as usual."""


Refusal = Callable[[int, str], bytes]
"""Makes the answer to what is no request, from status and reason."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits of a connection, in whole seconds; they are kept to within a second."""

    idle: int = 75
    """Without a byte in either direction while nothing is being answered."""
    request: int = 300
    """From the first byte of a request to its last."""
    linger: int = 2
    """For the client to read a refusal before its connection is cut."""


class HttpFactory(Reception[HttpProtocol]):
    """Makes connections, and keeps what they share."""

    _log = Logger()

    def __init__(
        self,
        handler: Handler,
        clock: IReactorTime,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        quick: QuickHandler | None = None,
        refusal: Refusal = plain_response,
    ) -> None:
        super().__init__(clock)
        self.handler = handler
        self.quick = quick
        self.refusal = refusal
        """Status and reason to the answer for bytes that never reach a handler."""
        self.limits = limits or Limits()
        self.timeouts = timeouts or Timeouts()
        self.requests = 0
        """Whole requests that came, malformed ones not among them."""
        self.malformed = 0
        """Requests refused without the handler's knowledge."""
        self.timed_out = 0
        """Requests that were given up because the rest of them did not come."""
        self.in_flight = 0
        """Requests whose handler has not finished."""

    def buildProtocol(self, addr: IAddress | None) -> HttpProtocol:
        """Return the protocol for one connection."""
        return HttpProtocol(self)

    async def drain(self, seconds: float) -> int:
        """Let what came be answered, then end every connection; see :class:`Reception`."""
        self.quick = None  # it keeps connections
        return await super().drain(seconds)

    def failed(self, failure: Failure) -> Reply:
        """Answer for a handler that raised: 500, and the fault goes to the log."""
        self._log.failure("a request could not be answered", failure=failure)
        return Reply(plain_response(500, "Internal Server Error"), close=True)
