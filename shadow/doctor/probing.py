"""The world beyond this process: services and queues, asked once and left as they were."""

import http.client
import time
from pathlib import Path
from typing import Any

from pyingest.queues.interface import QueueError, Reader, parse_queue_url
from pyingest.queues.opening import open_reader
from pyingest.server import ListenError
from pyingest.serving.sockets import check_free
from shadow.doctor.checks import date_skew
from shadow.doctor.findings import Finding, ok, problem, warning
from shadow.options import ShadowError, address

SECONDS = 3.0
"""For a service to answer."""


def place(host: str, port: int) -> Finding:
    """Return whether clients could come in at an address: bound for a moment, never listened on."""
    try:
        check_free(host, port)
    except ListenError as error:
        why, _, todo = str(error).rpartition("; ")
        return problem("listen", why, todo)
    return ok("listen", f"{host}:{port} is free")


def service(side: str, url: str) -> list[Finding]:
    """Return what is found of a service, asked for the head of ``/``: that stores nothing."""
    try:
        host, port = address(url)
    except ShadowError as error:
        return [problem(side, str(error), "correct the URL")]
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    began = time.monotonic()
    try:
        connection.request("HEAD", "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return [problem(side, f"{url}: {error or type(error).__name__}", "start it, see its log")]
    finally:
        connection.close()
    took = (time.monotonic() - began) * 1000
    server = answer.getheader("Server") or "unnamed"
    found = ok(side, f"{url} answers ({answer.status} to HEAD /, {server}, {took:.0f} ms)")
    return [found, date_skew(side, answer.getheader("Date"), time.time())]


async def queue(reactor: Any, side: str, text: str) -> Finding:
    """Return what is found of a side's queues: a position is taken, and given up again."""
    check = f"{side} queue"
    try:
        url = parse_queue_url(text)
        if url.scheme == "sqlite" and not Path(url.location).exists():
            todo = "start the service that writes it, or correct the path"
            return warning(check, f"{url.location} is not there yet", todo)
        reader = open_reader(reactor, text, f"mixmigrate-doctor-{int(time.time() * 1000):x}")
    except QueueError as error:
        return problem(check, str(error), "correct the URL, or start the queue's server")
    try:
        return await _tried(check, url.shown, reader)
    finally:
        await reader.close()


async def _tried(check: str, shown: str, reader: Reader) -> Finding:
    try:
        await reader.attach()
    except QueueError as error:
        return problem(check, str(error), "start the queue's server, or correct the URL")
    try:
        await reader.backlog()
        await reader.detach()
    except QueueError as error:
        return warning(check, str(error), "see the queue's server; our position may be left there")
    return ok(check, f"{shown} can be followed")
