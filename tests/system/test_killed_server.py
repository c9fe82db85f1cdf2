"""The server is killed under load, again and again: every event that was answered 1 comes out."""

import http.client
import json
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.durability.spool import open_spool
from pyingest.durability.testing import Fault, ServerBackend, free_port, kestrel_command
from pyingest.queues.interface import Reader
from pyingest.queues.kestrel_reader import KestrelReader
from pyingest.queues.sqlite_reader import SqliteReader
from replay.processes import ServerProcess
from replay.rig import COMMAND

pytestmark = pytest.mark.alone

reactor: Any = installed
KILLS = 10
CLIENTS = 6
LOAD_SECONDS = 0.35
OUT_SECONDS = 20.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def command(port: int, url: str, spool: Path) -> list[str]:
    """Return the words that serve with a spool."""
    words = ["--listen", f"127.0.0.1:{port}", "--queue", url, "--spool", str(spool)]
    return [*COMMAND, "ingest", *words, "--ack", "queue"]


class Client(threading.Thread):
    """Sends one event after another, each with a name of its own; notes what it was told."""

    def __init__(self, port: int, lane: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._lane = lane
        self.over = threading.Event()
        self.sent: list[str] = []
        """What was sent, or could not be."""
        self.told: list[str] = []
        """What was answered 1."""
        self.refused = 0
        """How often 0 was the answer."""

    def run(self) -> None:
        """Send until it is over; connect again as often as it takes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self.over.is_set():
            name = f"{self._lane}-{len(self.sent):06d}"
            body = json.dumps({"event": name, "properties": {"token": "T"}})
            self.sent.append(name)
            try:
                connection.request("POST", "/track", "data=" + body, FORM)
                answer = connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self.over.wait(0.02)
                continue
            if answer == b"1":
                self.told.append(name)
            else:
                self.refused += 1
        connection.close()


class Kestrel(ServerBackend):
    """A queue server that can be killed, too."""

    def command(self, full: bool) -> list[str]:
        return kestrel_command(self.port, self.directory)

    def reader(self, name: str) -> Reader:
        return KestrelReader(reactor, "127.0.0.1", self.port, [name])


class KilledServerTests(TestCase):
    """Real processes, real signals; what comes out is read from the queue itself."""

    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="killed-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.port = free_port()
        self.clients = [Client(self.port, lane) for lane in range(CLIENTS)]

    async def test_with_the_embedded_queue(self) -> None:
        path = self.directory / "queue.db"
        await self.kill_again_and_again(f"sqlite:{path}#events")
        reader = SqliteReader(reactor, path, ["events"], "test", from_start=True)
        await self.everything_is_there(reader)

    async def test_with_a_queue_server_that_is_killed_as_well(self) -> None:
        kestrel = Kestrel()
        await kestrel.start(reactor, self.directory / "kestrel")
        reader = kestrel.reader("events")
        await reader.attach()
        url = f"kestrel://127.0.0.1:{kestrel.port}/events"
        try:
            await self.kill_again_and_again(url, kestrel)
            await self.everything_is_there(reader)
        finally:
            await kestrel.stop()

    async def kill_again_and_again(self, url: str, queue: Kestrel | None = None) -> None:
        """Kill the server ten times; every second time its queue dies before, and stays away."""
        words = command(self.port, url, self.directory / "spool")
        for client in self.clients:
            client.start()
        for kill in range(KILLS):
            server = ServerProcess(words, self.directory / f"server-{kill}.log")
            await deferLater(reactor, LOAD_SECONDS / 2)
            if queue is not None and kill % 2 == 0:
                await queue.inflict(Fault.KILLED)
            await deferLater(reactor, LOAD_SECONDS / 2)
            server.kill()
            if queue is not None and kill % 2 == 1:
                await queue.mend()
        if queue is not None:
            await queue.mend()
        for client in self.clients:
            client.over.set()
        for client in self.clients:
            client.join()
        self.last = ServerProcess(words, self.directory / "server-last.log")
        self.addCleanup(self.last.kill)

    async def everything_is_there(self, reader: Reader) -> None:
        """Read until all has come out that was answered 1, and count it by its name."""
        told = {name for client in self.clients for name in client.told}
        sent = {name for client in self.clients for name in client.sent}
        found: Counter[str] = Counter()
        until = reactor.seconds() + OUT_SECONDS
        while reactor.seconds() < until and told - set(found):
            found.update(json.loads(item.body)["event"] for item in await reader.read(100_000))
            await deferLater(reactor, 0.05)
        self.last.stop()
        found.update(json.loads(item.body)["event"] for item in await reader.read(1_000_000))
        await reader.close()
        assert len(told) > 10 * KILLS
        assert told - set(found) == set()
        assert set(found) - sent == set()
        spool = open_spool(reactor, self.directory / "spool")
        assert (spool.events, spool.cut_bytes) == (0, 0)
        await spool.close()
