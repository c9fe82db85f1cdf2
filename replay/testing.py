"""Fakes for tests of a replay: real implementations, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyingest.message import Request, Response
from replay.entry import Entry
from shadow.exchange import Answered, Failed, Failure, Outcome


def entry(number: int, at: float = 0.0, target: bytes = b"/track/") -> Entry:
    """Return an entry that asks for *target*."""
    return Entry(number, at, Request(b"GET", target + b"?n=%d" % number))


@dataclass
class ScriptedService:
    """Answers every request after a time of its own choice, on a clock.

    :param clock: a :class:`twisted.internet.task.Clock`, or a reactor.
    """

    clock: Any
    seconds: Callable[[int], float] = lambda number: 0.01
    """How long the request of this number (from 0) takes."""
    failure: Failure | None = None
    """Fail so, at once, instead."""
    received: list[tuple[float, bytes]] = field(default_factory=list)
    """When each request came, and its target."""
    in_flight: int = 0
    most_in_flight: int = 0

    def send(self, request: Request, done: Callable[[Outcome], None]) -> None:
        """Take a request; see ``replay.run.Send``."""
        number = len(self.received)
        self.received.append((self.clock.seconds(), request.target))
        if self.failure is not None:
            done(Failed(self.failure, "scripted", 0.0))
            return
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        seconds = self.seconds(number)
        self.clock.callLater(seconds, self._answer, seconds, done)

    def _answer(self, seconds: float, done: Callable[[Outcome], None]) -> None:
        self.in_flight -= 1
        done(Answered(Response(200, body=b"1"), seconds))
