"""A candidate that behaves as told; what it does must not reach the proxy's clients.

``python -m benchmarks.proxy_peers.candidate PORT BEHAVIOUR [SOCKET]``: ``healthy``, ``slow``
(answers after 200 ms), ``hanging`` (never answers), ``resetting``, ``garbage``, ``endless`` (a body
without end) or ``flapping`` (a second healthy, a second resetting). One that refuses is one that
was not started. It shares a processor with the clients, so it does little more than its calls.
"""

import contextlib
import select
import socket
import struct
import sys
import time
from collections import deque
from pathlib import Path

ONE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
GARBAGE = b"\x16\x03\x01\x00 certainly no HTTP\r\n\r\n" * 4
PIECE = b"x" * 65536
SLOW_SECONDS = 0.2
RESET = struct.pack("ii", 1, 0)
BEHAVIOURS = ("healthy", "slow", "hanging", "resetting", "garbage", "endless", "flapping")


class Candidate:
    """All its connections. The end of a head counts as a request; bodies are not looked at."""

    def __init__(self, behaviour: str, listening: list[socket.socket]) -> None:
        self._behaviour = behaviour
        self._poll = select.epoll()
        self._doors = {one.fileno(): one for one in listening}
        self._open: dict[int, socket.socket] = {}
        self._late: deque[tuple[float, socket.socket]] = deque()
        for one in listening:
            one.setblocking(False)
            self._poll.register(one, select.EPOLLIN)

    def serve(self) -> None:
        """Go on until ended."""
        while True:
            for number, events in self._poll.poll(0.005 if self._late else 1):
                if number in self._doors:
                    self._accept(self._doors[number])
                elif number in self._open:
                    with contextlib.suppress(BlockingIOError):
                        self._deal(self._open[number], events)
            self._answer_late()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = door.accept()
                connection.setblocking(False)
                self._open[connection.fileno()] = connection
                self._poll.register(connection, select.EPOLLIN)

    def _deal(self, connection: socket.socket, events: int) -> None:
        """Read, or write on without an end."""
        try:
            if events & select.EPOLLOUT:
                connection.send(PIECE)
                return
            data = connection.recv(65536)
            for _ in range(data.count(b"\r\n\r\n")):
                if connection.fileno() >= 0:  # not reset meanwhile
                    self._behave(connection)
        except ConnectionError:
            data = b""
        if not data:
            self._close(connection)

    def _behave(self, connection: socket.socket) -> None:
        behaviour = self._behaviour
        if behaviour == "flapping":
            behaviour = "healthy" if int(time.monotonic()) % 2 else "resetting"
        match behaviour:
            case "healthy":
                connection.send(ONE)
            case "slow":
                self._late.append((time.monotonic() + SLOW_SECONDS, connection))
            case "resetting":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self._close(connection)
            case "garbage":
                connection.send(GARBAGE)
            case "endless":
                connection.send(ENDLESS)
                self._poll.modify(connection, select.EPOLLIN | select.EPOLLOUT)

    def _answer_late(self) -> None:
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            connection = self._late.popleft()[1]
            with contextlib.suppress(OSError):  # closed meanwhile
                connection.send(ONE)

    def _close(self, connection: socket.socket) -> None:
        self._open.pop(connection.fileno(), None)
        connection.close()


def main(port: int, behaviour: str, *paths: str) -> None:
    """Serve until ended."""
    listening = [socket.create_server(("127.0.0.1", port), backlog=1024)]
    for path in paths:
        one = socket.socket(socket.AF_UNIX)
        one.bind(path)
        one.listen(1024)
        Path(path).chmod(0o666)  # nginx has workers that are somebody else
        listening.append(one)
    print("ready", flush=True)
    Candidate(behaviour, listening).serve()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]), *sys.argv[2:])
