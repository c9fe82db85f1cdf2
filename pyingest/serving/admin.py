"""The operators' address: ``/metrics``, ``/stats``, ``/health``, ``/ready``."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from pyingest.http import HttpFactory, Reply
from pyingest.message import Request
from pyingest.queues.interface import QueueError
from pyingest.serving.metrics import Family, Sample
from pyingest.serving.probes import HEALTHY, reply
from pyingest.serving.prometheus import CONTENT_TYPE, rendered
from pyingest.serving.reading import address


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a server, all of its workers together."""

    samples: list[Sample]
    stats: dict[str, Any]
    problem: str = ""
    """Why it should get no requests; empty when it may."""


class Admin:
    """Answers operators."""

    def __init__(
        self, report: Callable[[], Awaitable[Report]], families: Callable[[], list[Family]]
    ) -> None:
        self._report = report
        self._families = families

    async def answer(self, request: Request, peer: str) -> Reply:
        """Return the reply to *request*."""
        path = request.target.partition(b"?")[0]
        if request.method != b"GET":
            return reply(405, b"only GET")
        if path == b"/health":
            return HEALTHY
        if path not in (b"/ready", b"/metrics", b"/stats"):
            return reply(404, b"/metrics, /stats, /health or /ready")
        report = await self._report()
        if path == b"/ready":
            return reply(503 if report.problem else 200, report.problem.encode() or b"ready")
        if path == b"/metrics":
            return reply(200, rendered(report.samples, self._families()), CONTENT_TYPE)
        stats = {"time": time.time(), "ready": not report.problem, **report.stats}
        return reply(200, msgspec.json.encode(stats) + b"\n", b"application/json")


def listen_admin(reactor: Any, where: str, admin: Admin) -> IListeningPort:
    """Listen for operators at *where* (HOST:PORT).

    :raises QueueError: the address cannot be listened on.
    """
    host, port = address(where)
    try:
        found: IListeningPort = reactor.listenTCP(
            port, HttpFactory(admin.answer, reactor), 50, host
        )
    except CannotListenError as error:
        raise QueueError(
            f"cannot listen on {where} for operators: {error.socketError}; "
            "choose another address with --admin"
        ) from None
    return found
