"""Clients that send one event after the other, and remember what became of each."""

import json
import socket
import threading
import time
from base64 import b64encode
from urllib.parse import quote

PEOPLE = 5_000
TOKENS = 8
PATIENCE = 30.0


class Clients:
    """*rate* requests a second from *threads* clients, as POST and GET in turn, until stopped.

    Each event has an id of its own. A connection that is refused is tried again: nothing was sent.
    """

    def __init__(self, address: str, rate: float, threads: int = 16) -> None:
        self.address = address
        """``HOST:PORT``; who sends looks at it before each request."""
        self.answers: dict[str, str] = {}
        """By id: status and body, such as ``200 1``, or why there is no answer."""
        self.stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(number, threads / rate), daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client finish its request."""
        self.stopped.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def stored(self) -> set[str]:
        """Return the ids of events that were answered ``1``."""
        return {one for one, answer in list(self.answers.items()) if answer == "200 1"}

    def _send_all(self, number: int, gap: float) -> None:
        client, due, count = (
            Client(self.stopped),
            time.monotonic() + gap * number / len(self._threads),
            0,
        )
        while not self.stopped.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due += gap
            count += 1
            name = f"{number}-{count}"
            request = request_of(name, (number * 7919 + count) % PEOPLE, is_post=bool(count % 2))
            self.answers[name] = client.ask(self.address, request)
        client.close()


class Client:
    """One client's connection; *given_up* ends its attempts to connect."""

    def __init__(self, given_up: threading.Event) -> None:
        self._given_up = given_up
        self._socket: socket.socket | None = None
        self._address = ""

    def ask(self, address: str, request: bytes) -> str:
        """Send *request* once; return what came."""
        try:
            connection = self._connected(address)
            connection.sendall(request)
            return self._answer(connection)
        except OSError as error:
            self.close()
            return f"no answer: {error}"

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _connected(self, address: str) -> socket.socket:
        if self._socket is not None and (address != self._address or _is_closed(self._socket)):
            self.close()
        host, _, port = address.rpartition(":")
        deadline = time.monotonic() + PATIENCE
        while self._socket is None:
            try:
                self._socket = socket.create_connection((host, int(port)), PATIENCE)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self._given_up.is_set():
                    raise
                time.sleep(0.02)
        self._address = address
        return self._socket

    def _answer(self, connection: socket.socket) -> str:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise OSError("closed")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(one[15:]) for one in lines if one.startswith(b"content-length:"))
        while len(body) < length:
            body += connection.recv(65536)
        if b"connection: close" in lines:
            self.close()
        return f"{head.split()[1].decode()} {body.decode()}".strip()


def request_of(name: str, person: int, is_post: bool) -> bytes:
    """Return the request that tracks the event of this *name*."""
    event = {
        "event": "step",
        "properties": {
            "token": f"project-{person % TOKENS}",
            "distinct_id": f"person-{person}",
            "time": 1_790_000_000 + person,
            "n": name,
        },
    }
    data = b"data=" + quote(b64encode(json.dumps(event).encode()), safe="").encode()
    if is_post:
        kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
        head = b"POST /track HTTP/1.1\r\nHost: t\r\n%bContent-Length: %d\r\n\r\n"
        return head % (kind, len(data)) + data
    return b"GET /track?%b HTTP/1.1\r\nHost: t\r\n\r\n" % data


def _is_closed(connection: socket.socket) -> bool:
    """Say whether the other end has closed: then nothing may be sent on it."""
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(PATIENCE)
