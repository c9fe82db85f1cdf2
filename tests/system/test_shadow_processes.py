"""Each process of a dual run is killed under load: no client is hurt, and nothing is glossed over.

Real processes, real signals. The clients send events one after the other; a request whose
connection was cut is sent again on another one, and counted.
"""

import http.client
import json
import os
import resource
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from replay.processes import ProcessError
from replay.rig import ANY_PORT, COMMAND, Servers, ingest, kestrel
from shadow.exchange import Side
from shadow.recording import RunReader
from shadow.serving import statusfiles
from shadow.serving.summing import joined
from shadow.status import Status

UNDECIDED, INVALID = 3, 4
CLIENTS = 4
PAUSE = 0.004
"""Seconds between two requests of a client: some 600 requests a second in all."""
LOAD = 0.7
"""Seconds of load before and after the fault."""
SOON = 30.0
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
        self.turn = threading.Lock()
        """Held while a request is under way."""
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
            with self.turn:
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
        self._servers = Servers(place)
        self.serve = self._servers.serve
        self.clients: list[Client] = []

    def start(self, *words: str, further: tuple[str, ...] = ()) -> None:
        """Start everything, and the load.

        :param words: further ones for ``shadow``.
        :param further: ones for legacy.
        """
        self.prepare(*words, further=further)
        where = ("--listen", ANY_PORT, "--run", str(self.run))
        self.shadow = self.serve("shadow", *where, *self.words)
        self.clients = [Client(self.shadow.address, number) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()
        time.sleep(LOAD)

    def prepare(self, *words: str, further: tuple[str, ...] = ()) -> None:
        """Start what stands behind the dual run."""
        self.queue = self.serve("queue", *kestrel(self.place / "queue"))
        queue = f"kestrel://{self.queue.address}/{QUEUES}"
        other = f"sqlite:{self.place}/candidate.db#{QUEUES}"
        legacy = self.serve("ingest", *ingest("mochiweb", queue), *further, log="legacy")
        candidate = self.serve("ingest", *ingest("mochiweb", other), log="candidate")
        self.words = (
            *("--workers", "2"),
            *("--legacy", f"http://{legacy.address}", "--legacy-queue", queue),
            *("--candidate", f"http://{candidate.address}", "--candidate-queue", other),
            *words,
        )

    def end_shadow(self) -> str:
        """Stop the dual run; return what it complained of, if it did."""
        try:
            self.shadow.stop()
        except ProcessError as error:
            return str(error)
        return ""

    def verdict(self) -> int:
        """Return the exit status of ``compare``."""
        words = [*COMMAND, "compare", str(self.run), "--out", str(self.place / "report")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode

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

    def busiest(self) -> str:
        """Return the name of the proxy that has most of the clients."""
        proxies = [one for one in statusfiles.read_all(self.status).statuses if one.ledger]
        return max(proxies, key=lambda one: one.ledger["received"]).name

    def log(self, name: str = "shadow") -> str:
        return (self.place / f"{name}.log").read_text()

    def close(self) -> None:
        """End whatever is left, orphans among it."""
        for client in self.clients:
            client.over.set()
        self._servers.kill()
        for status in all_told(self.place):
            if statusfiles.is_there(status):
                with suppress(ProcessLookupError):
                    os.kill(status.pid, signal.SIGKILL)


def all_told(place: Path) -> list[Status]:
    """Return what all processes of all dual runs below *place* told last."""
    found = [statusfiles.read_all(one).statuses for one in place.glob(f"*/{statusfiles.DIRECTORY}")]
    return [status for statuses in found for status in statuses]


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
    assert min(client.answered for client in stage.clients) > 10


def account(stage: Stage) -> dict[str, int]:
    """Check that the ledger closes over all processes, and is what they tell; return it."""
    ledger = RunReader(stage.run).manifest.ledger
    answered = sum(client.answered for client in stage.clients)
    cut = sum(client.cut for client in stage.clients)
    assert ledger["remainder"] == 0
    assert joined(statusfiles.read_all(stage.status).statuses).ledger == ledger
    assert answered <= ledger["received"] <= answered + cut
    return ledger


def test_a_killed_proxy_costs_no_request(stage: Stage) -> None:
    stage.start()
    name = stage.busiest()
    os.kill(stage.pid(name), signal.SIGKILL)
    until(lambda: stage.told(f"{name}.1"))
    stage.end_load()
    assert f"{name} ended with signal 9" in stage.end_shadow()
    # Each client had at most one request on a connection of the killed one.
    nobody_was_hurt(stage, cut=CLIENTS)
    ledger = account(stage)
    assert ledger["lost"] > 0
    words = [*COMMAND, "status", str(stage.run), "--json"]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    # What the processes tell adds up to what they recorded.
    assert told["ledger"] == {name: ledger[name] for name in told["ledger"]}
    assert any(f"{ledger['lost']} requests are lost" in error for error in told["errors"])
    assert stage.verdict() == INVALID


def test_a_killed_tap_costs_no_request(stage: Stage) -> None:
    stage.start()
    killed = stage.pid("tap")
    os.kill(killed, signal.SIGKILL)
    until(lambda: stage.pid("tap") != killed)
    stage.end_load()
    assert stage.end_shadow() == ""
    nobody_was_hurt(stage)
    assert account(stage)["lost"] == 0
    # What it had read and not yet recorded was in its journal.
    run = RunReader(stage.run)
    events = [event for number in run.partitions for event in run.events(number)]
    answered = sum(client.answered for client in stage.clients)
    assert [sum(event.side is side for event in events) for side in Side] == [answered] * 2
    # So nothing is missing, and the run is as good as any of its length.
    assert stage.verdict() == UNDECIDED


def test_a_killed_live_page_comes_back_and_costs_nothing(stage: Stage) -> None:
    stage.start("--live", ANY_PORT)

    def page() -> dict[str, Any]:
        told = stage.told("supervisor")
        return told.more["live"] if told is not None else {}

    until(lambda: page().get("address"))
    before = page()
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: page()["pid"] not in (0, before["pid"]))
    until(lambda: is_served(before["address"]))
    stage.end_load()
    assert stage.end_shadow() == ""
    nobody_was_hurt(stage)
    assert account(stage)["lost"] == 0
    assert stage.verdict() == UNDECIDED


def is_served(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_killed_supervisor_leaves_proxies_that_serve_and_can_be_ended(stage: Stage) -> None:
    stage.start()
    os.kill(stage.pid("supervisor"), signal.SIGKILL)
    time.sleep(LOAD)
    nobody_was_hurt(stage)
    # Another dual run takes over on the same address.
    where = ("--listen", stage.shadow.address, "--beside", "--run", str(stage.place / "second"))
    stage.serve("shadow", *where, *stage.words, log="second")
    for name in ("proxy-0", "proxy-1"):
        os.kill(stage.pid(name), signal.SIGTERM)
    # The tap sees that no proxy is left, reads the queues to their ends, and goes.
    until(lambda: not any(map(statusfiles.is_there, statusfiles.read_all(stage.status).statuses)))
    stage.end_load()
    # What the system had accepted for a proxy that ends, and that had not, is cut.
    nobody_was_hurt(stage, cut=CLIENTS)
    second = statusfiles.read_all(stage.place / "second" / statusfiles.DIRECTORY).statuses
    assert sum(one.ledger.get("received", 0) for one in second) > 0
    assert "this process goes on until SIGTERM" in stage.log()
    ledger = RunReader(stage.run).manifest.ledger
    assert (ledger["lost"], ledger["remainder"]) == (0, 0)
    assert stage.verdict() == INVALID


def test_a_full_disk_ends_the_recording_and_nothing_else(stage: Stage) -> None:
    stage.start()
    name = stage.busiest()
    # Whatever this process writes beyond these bytes of a file fails (EFBIG).
    resource.prlimit(stage.pid(name), resource.RLIMIT_FSIZE, (256, 256))
    until(lambda: "not recorded any more" in stage.log())
    stage.end_load()
    assert name in stage.end_shadow()
    nobody_was_hurt(stage)
    assert account(stage)["lost"] > 0
    assert stage.verdict() == INVALID


def test_a_queue_that_is_restarted_costs_no_request(stage: Stage) -> None:
    stage.start(further=("--spool", str(stage.place / "spool")))
    address = stage.queue.address
    # Nothing is under way while it stops: legacy would rightly queue it a second time.
    with ExitStack() as quiet:
        for client in stage.clients:
            quiet.enter_context(client.turn)
        stage.queue.stop()
    time.sleep(LOAD)
    stage.serve("queue", "--listen", address, *kestrel(stage.place / "queue")[2:], log="again")
    stage.end_load()
    stage.end_shadow()
    nobody_was_hurt(stage)
    assert account(stage)["lost"] == 0
    assert stage.verdict() in (UNDECIDED, INVALID)


def test_on_sighup_the_proxies_are_replaced_and_nothing_is_lost(stage: Stage) -> None:
    stage.start()
    os.kill(stage.shadow.pid, signal.SIGHUP)
    until(lambda: stage.told("proxy-1.1"))
    stage.end_load()
    assert stage.end_shadow() == ""
    nobody_was_hurt(stage)
    ledger = account(stage)
    assert (ledger["lost"], ledger["candidate_answered"]) == (0, ledger["received"])
    assert stage.verdict() == UNDECIDED


def test_what_does_not_begin_says_why_and_leaves_the_directory_usable(stage: Stage) -> None:
    queue = f"sqlite:{stage.place}/{{}}.db#events"
    words = ("--legacy-queue", queue.format("a"), "--candidate-queue", queue.format("b"))
    sides = ("--legacy", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:9")
    where = ("--listen", ANY_PORT, "--run", str(stage.run), "--workers", "2")
    for _ in range(2):
        with pytest.raises(ProcessError, match=r"legacy http://127.0.0.1:9: .*; start it first"):
            stage.serve("shadow", *where, *words, *sides)
    assert list(stage.run.iterdir()) == []


def test_what_is_ended_before_it_has_begun_leaves_nobody_behind(stage: Stage) -> None:
    stage.prepare("--live", ANY_PORT)
    where = ("--listen", ANY_PORT, "--run", str(stage.run))
    words = [*COMMAND, "shadow", *where, *stage.words]
    with (stage.place / "shadow.log").open("wb") as log:
        starting = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log)
    # Both proxies serve, the page does not yet.
    until(lambda: stage.told("proxy-0") and stage.told("proxy-1"))
    starting.send_signal(signal.SIGTERM)
    starting.communicate(timeout=SOON)
    assert not any(map(statusfiles.is_there, statusfiles.read_all(stage.status).statuses))


@pytest.mark.parametrize("live", ["0.0.0.0:0", "192.0.2.1:1"])
def test_a_live_page_that_cannot_begin_is_said_before_a_run_does(stage: Stage, live: str) -> None:
    queue = f"sqlite:{stage.place}/{{}}.db#events"
    queues = ("--legacy-queue", queue.format("a"), "--candidate-queue", queue.format("b"))
    sides = ("--legacy", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:9")
    where = ("--listen", ANY_PORT, "--run", str(stage.run), "--live", live)
    with pytest.raises(ProcessError, match=r"the live page cannot begin on .*; correct live"):
        stage.serve("shadow", *where, *queues, *sides)
    assert not stage.run.exists()
