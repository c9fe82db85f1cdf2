"""What a load balancer asks: ``/health`` (is it alive) and ``/ready`` (may it get requests)."""

from collections.abc import Callable
from dataclasses import dataclass

from pyingest.http import Reply
from pyingest.message import Request, Response
from pyingest.queues.interface import Outcome
from pyingest.serving.parts import Observed

DRAINING = "draining"
RETRY_AFTER = 5
"""Seconds."""


def reply(status: int, body: bytes, kind: bytes = b"text/plain") -> Reply:
    """Return a small answer for operators."""
    reason = {200: b"OK", 404: b"Not Found", 405: b"Method Not Allowed"}
    headers: tuple[tuple[bytes, bytes], ...] = (
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
    )
    if status == 503:
        headers += ((b"Retry-After", b"%d" % RETRY_AFTER),)
    return Reply(
        Response(status, reason.get(status, b"Service Unavailable"), headers, body).encode()
    )


HEALTHY = reply(200, b"ok")


@dataclass(slots=True)
class Probes:
    """Answers the two questions.

    :param problem: why events could not be stored now; empty when they could.
    """

    problem: Callable[[], str]
    draining: bool = False
    """Whether the server is about to end."""

    def reply(self, request: Request) -> Reply | None:
        """Return the answer to *request*, if it is one of the questions."""
        if not request.target.startswith((b"/health", b"/ready")) or request.method != b"GET":
            return None
        path = request.target.partition(b"?")[0]
        if path == b"/health":
            return HEALTHY
        if path == b"/ready":
            problem = self.unready()
            return reply(503 if problem else 200, problem.encode("utf-8") or b"ready")
        return None

    def unready(self) -> str:
        """Return why no requests should come; empty when they may."""
        return DRAINING if self.draining else self.problem()


class LastOutcome:
    """Whether a queue that cannot be asked seems to work: by what became of the last events.

    A bad outcome counts for some seconds only: with no requests, nothing could mend it.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = 5.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._bad = ""
        self._at = 0.0

    def observe(self, seen: Observed) -> None:
        """Take note of what became of a request's events."""
        outcomes = seen.outcomes
        if outcomes.count(Outcome.STORED) < len(outcomes):
            bad = next(one for one in outcomes if one is not Outcome.STORED)
            self._bad, self._at = bad.value, self._clock()
        elif outcomes:
            self._bad = ""

    def problem(self) -> str:
        """Return what is wrong with the queue; empty when nothing is known."""
        if self._bad and self._clock() - self._at < self._seconds:
            return f"queue: {self._bad}"
        return ""
