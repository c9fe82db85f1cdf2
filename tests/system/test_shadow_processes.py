"""Each process of a dual run is killed under load: no client is hurt, and nothing is glossed over.

Real processes, real signals. The clients send events one after the other; a request whose
connection was cut is sent again on another one, and counted.
"""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND, ingest, kestrel
from shadow.recording import RunReader
from shadow.serving import statusfiles
from shadow.status import Status

UNDECIDED, INVALID = 3, 4
CLIENTS = 4
PAUSE = 0.004
"""Seconds between two requests of a client: some 600 requests a second in all."""
LOAD = 0.7
"""Seconds of load before and after the fault."""
SOON = 15.0
QUEUES = "events,profiles"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Client(threading.Thread):
    """Sends events, each with a name of its own, until it is over."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=10)
        self._number = number
        self.over = threading.Event()
        self.answered = 0
        self.wrong: list[object] = []
        """Answers that are not legacy's 1."""
        self.cut = 0
        """Requests whose connection ended before the answer; they were sent again."""
        self.refused = 0
        """Connections that were not accepted."""

    def run(self) -> None:
        while not self.over.is_set():
            body = json.dumps(
                {
                    "event": "bought",
                    "properties": {
                        "token": "T",
                        "distinct_id": f"person-{self._number}",
                        "step": self.answered,
                    },
                }
            )
            while not self._sent(body):
                self.over.wait(0.01)
            self.over.wait(PAUSE)
        self._connection.close()

    def _sent(self, body: str) -> bool:
        try:
            self._connection.request("POST", "/track", "data=" + body, FORM)
            response = self._connection.getresponse()
            answer = response.status, response.read()
        except ConnectionRefusedError:
            self.refused += 1
            self._connection.close()
            return False
        except (OSError, http.client.HTTPException):
            self.cut += 1
            self._connection.close()
            return False
        if answer != (200, b"1"):
            self.wrong.append(answer)
        self.answered += 1
        return True


class Stage:
    """Queues, both services, and a dual run of several processes between them and the clients."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.run = place / "run"
        self.status = self.run / statusfiles.DIRECTORY
        self._running: list[ServerProcess] = []
        self.clients: list[Client] = []

    def start(self, *words: str, legacy_spool: bool = False) -> None:
        """Start everything; *words* are further ones for ``shadow``."""
        self.queue = self.serve("queue", *kestrel(self.place / "queue"))
        queue = f"kestrel://{self.queue.address}/{QUEUES}"
        other = f"sqlite:{self.place}/candidate.db#{QUEUES}"
        spool = ("--spool", str(self.place / "spool")) if legacy_spool else ()
        legacy = self.serve("ingest", *ingest("mochiweb", queue), *spool, log="legacy")
        candidate = self.serve("ingest", *ingest("mochiweb", other), log="candidate")
        self.shadow = self.serve(
            "shadow",
            *("--listen", ANY_PORT, "--run", str(self.run), "--workers", "2"),
            *("--legacy", f"http://{legacy.address}", "--legacy-queue", queue),
            *("--candidate", f"http://{candidate.address}", "--candidate-queue", other),
            *words,
        )
        self.clients = [Client(self.shadow.address, number) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()
        time.sleep(LOAD)

    def serve(self, command: str, *words: str, log: str = "") -> ServerProcess:
        path = self.place / f"{log or command}.log"
        self._running.append(ServerProcess([*COMMAND, command, *words], path))
        return self._running[-1]

    def replace(self, old: ServerProcess, command: str, *words: str) -> None:
        """Stop a server, and start it anew."""
        self._running.remove(old)
        old.stop()
        self.serve(command, *words, log=f"{command}-again")

    def end_load(self) -> None:
        """Let the clients send their last request and hear its answer."""
        time.sleep(LOAD)
        for client in self.clients:
            client.over.set()
        for client in self.clients:
            client.join()

    def told(self, name: str) -> Status | None:
        return statusfiles.read(self.status, name)

    def pid(self, name: str) -> int:
        found = self.told(name)
        assert found is not None
        return found.pid

    def log(self, name: str = "shadow") -> str:
        return (self.place / f"{name}.log").read_text()

    def close(self) -> None:
        """End whatever is left, orphans among it."""
        for client in self.clients:
            client.over.set()
        for process in reversed(self._running):
            process.kill()
        for status in statusfiles.read_all(self.status):
            if statusfiles.is_there(status):
                with suppress(ProcessLookupError):
                    os.kill(status.pid, signal.SIGKILL)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.close()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, "this did not come true"
        time.sleep(0.02)


def nobody_was_hurt(stage: Stage, cut: int = 0) -> None:
    """Check that every request was answered by legacy, and at most *cut* had to be sent twice."""
    assert [client.wrong for client in stage.clients] == [[]] * CLIENTS
    assert sum(client.refused for client in stage.clients) == 0
    assert sum(client.cut for client in stage.clients) <= cut
    assert min(client.answered for client in stage.clients) > 50


def account(stage: Stage) -> dict[str, int]:
    """Check that the ledger closes over all processes, and return it."""
    ledger = RunReader(stage.run).manifest.ledger
    answered = sum(client.answered for client in stage.clients)
    cut = sum(client.cut for client in stage.clients)
    assert ledger["remainder"] == 0
    assert answered <= ledger["received"] <= answered + cut
    return ledger
