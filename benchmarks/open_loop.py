"""Requests at times that do not depend on the answers: what clients do who know nothing of us.

``python -m benchmarks.open_loop PORT RATE SECONDS`` prints the latencies as JSON. Each is counted
from the time at which the request was due, so a server that stalls is charged for all who waited.
"""

import gc
import json
import random
import re
import select
import socket
import sys
import time
from collections import deque

from benchmarks.ingest_workload import requests

CONNECTIONS = 128
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Client:
    """Many connections, one request in flight on each.

    :param numbered: whether each request carries its number, and its answer must name it too.
    :param patient: whether it sleeps until something happens, for the sake of others on its
        processor; else it looks all the time, and sees an answer sooner.
    """

    def __init__(
        self,
        port: int,
        connections: int = CONNECTIONS,
        numbered: bool = False,
        patient: bool = False,
    ) -> None:
        self._numbered = numbered
        self._patient = patient
        self._numbers: dict[int, int] = {}
        self._poll = select.epoll()
        self._idle: deque[socket.socket] = deque()
        self._busy: dict[int, tuple[socket.socket, float]] = {}
        self._begun: dict[int, bytes] = {}
        self.latencies: list[float] = []
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(connection, select.EPOLLIN)
            self._idle.append(connection)

    def run(self, items: list[bytes], due: list[float]) -> None:
        """Send a request at each of the times of *due* (seconds from now)."""
        begun = time.perf_counter()
        waiting: deque[float] = deque()
        number = at = 0
        while len(self.latencies) < len(due):
            now = time.perf_counter() - begun
            while at < len(due) and due[at] <= now:
                waiting.append(due[at])
                at += 1
            while waiting and self._idle:
                connection = self._idle.popleft()
                connection.sendall(self._request(items, number, connection.fileno()))
                self._busy[connection.fileno()] = connection, waiting.popleft() + begun
                number += 1
            if self._patient:
                self._sleep(due[at] - time.perf_counter() + begun if at < len(due) else 1.0)
            self._take()

    def _request(self, items: list[bytes], number: int, descriptor: int) -> bytes:
        data = items[number % len(items)]
        if self._numbered:
            self._numbers[descriptor] = number
            data = data.replace(b"\r\n", b"\r\nX-Number: %d\r\n" % number, 1)
        return data

    def _sleep(self, seconds: float) -> None:
        """Wait for an answer, or for the next request to be due; to the microsecond, as epoll
        itself would not."""
        select.select([self._poll], [], [], max(0.0, seconds))

    def _take(self) -> None:
        for descriptor, _ in self._poll.poll(0):
            connection, due = self._busy[descriptor]
            answer = self._begun.pop(descriptor, b"") + connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                sys.exit(f"answered {answer[:200]!r}")
            if not is_whole(answer):
                self._begun[descriptor] = answer
                continue
            if self._numbered and not is_answer(answer, self._numbers[descriptor]):
                sys.exit(f"lost or changed: {answer[:200]!r}")
            del self._busy[descriptor]
            self.latencies.append(time.perf_counter() - due)
            self._idle.append(connection)


def is_answer(answer: bytes, number: int) -> bool:
    """Say whether *answer* is the one to the request of that number, all of it and no more."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return body == b"1" and b"X-Number: %d\r\n" % number in head + b"\r\n"


def is_whole(answer: bytes) -> bool:
    """Say whether an answer came to its end; some servers send head and body apart."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def main() -> None:
    """Run it, and print p50, p99 and p99.9 in microseconds."""
    port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(latencies(Client(port), rate, seconds)))


def latencies(
    client: Client, rate: float, seconds: float, warm_up: float = 0.0
) -> dict[str, float]:
    """Return p50, p99 and p99.9, in microseconds, of that load, and the number of its answers.

    :param warm_up: seconds of the same load before it, of which nothing is counted.
    """
    draw = random.Random(7)
    gc.disable()  # its pauses would be counted as the server's
    for length in filter(None, (warm_up, seconds)):
        client.latencies.clear()
        client.run(requests(), _due(draw, rate, length))
    found = sorted(client.latencies)
    told = {name: found[int(len(found) * share)] * 1e6 for name, share in SHARES.items()}
    return {**told, "answers": len(found)}


def _due(draw: random.Random, rate: float, seconds: float) -> list[float]:
    """Return times at which requests come that do not know of each other, in seconds from now."""
    at, due = 0.0, []
    while at < seconds:
        at += draw.expovariate(rate)
        due.append(at)
    return due


SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}

if __name__ == "__main__":
    main()
