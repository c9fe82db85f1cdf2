"""Whether a server does the whole job: its answers and its events, looked at one by one."""

import json
import socket
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.ingest_workload import requests
from benchmarks.processes import Running
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB
from pyingest.wire.requestreader import Arrived, RequestReader

KINDS = {b"1": "1", b"0": "0"}


def check(name: str, port: int, sink: Path, running: Running) -> None:
    """Send all requests down one connection, end the server, and look at everything."""
    answers: Counter[str] = Counter()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        for item in requests():
            connection.sendall(item)
            answers[kind_of(body_of(connection))] += 1
    time.sleep(1)  # a server may write what waits when it has nothing else to do
    running.end()
    expected, events = wanted()
    if answers != expected:
        sys.exit(f"{name} answered {dict(answers)}, not {dict(expected)}")
    stored = stored_in(name, sink)
    if len(stored) != events:
        sys.exit(f"{name} stored {len(stored)} events, not {events}")
    for body in stored:
        properties = json.loads(body)["properties"]
        if "ip" not in properties or "time" not in properties:
            sys.exit(f"{name} stored {body!r}")


def wanted() -> tuple[Counter[str], int]:
    """Return how often each kind of answer is due, and how many events."""
    answers: Counter[str] = Counter()
    events, reader = 0, RequestReader()
    for item in requests():
        (arrived,) = reader.feed(item)
        assert isinstance(arrived, Arrived)
        request: Request = arrived.request
        decision = ingest(request, "127.0.0.1", 1.0, MOCHIWEB, Routes())
        answers[kind_of(decision.stored.body)] += 1
        events += len(decision.events)
    return answers, events


def kind_of(body: bytes) -> str:
    """Return which of the four kinds of answers *body* is."""
    if body in KINDS:
        return KINDS[body]
    said = json.loads(body)
    return f"verbose {said['status']}"


def body_of(connection: socket.socket) -> bytes:
    """Return the body of the next answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += _more(connection)
    return body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server hung up")
    return data


def stored_in(name: str, sink: Path) -> list[bytes]:
    """Return the events that a server left behind."""
    if "sqlite" not in name:
        lines = sink.read_bytes().splitlines()
        return [line.rpartition(b"\t")[2] for line in lines]  # ours names the queue before
    import sqlite3

    with sqlite3.connect(sink) as database:
        return [body for (body,) in database.execute("SELECT body FROM item ORDER BY off")]
