"""Sides that answer from a script, for tests of whatever stands before them."""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from pyingest.message import Request, Response
from shadow.exchange import Answered, Outcome

ONE = Answered(
    Response(200, b"OK", ((b"Content-Type", b"text/plain"), (b"Content-Length", b"1")), b"1"),
    0.001,
)


class ScriptedSide:
    """A side whose outcomes are a function of the request; it remembers what it got."""

    def __init__(self, answer: Callable[[Request], Outcome] = lambda _: ONE) -> None:
        self.got: list[Request] = []
        self._answer = answer

    async def send(self, request: Request) -> Outcome:
        """Return the scripted outcome at once."""
        self.got.append(request)
        return self._answer(request)


class HangingSide:
    """A side that answers when it is told to."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self._waiting: list[Deferred[Outcome]] = []

    async def send(self, request: Request) -> Outcome:
        """Return what :meth:`answer` is given."""
        self.got.append(request)
        waiting: Deferred[Outcome] = Deferred()
        self._waiting.append(waiting)
        return await waiting

    def answer(self, outcome: Outcome = ONE) -> None:
        """End the oldest request."""
        self._waiting.pop(0).callback(outcome)
