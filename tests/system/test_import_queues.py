"""`mixmigrate import` reads real queues: from a position taken before, or all that they keep."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.kestrel import KestrelQueue
from replay.processes import ServerProcess
from replay.rig import COMMAND, kestrel
from shadow.exchange import Side
from shadow.recording import RunReader

LINE = '192.0.2.7 - - [21/Nov/2011:07:20:%02d +0000] "GET /track?data=%d HTTP/1.1" 200 1\n'


def mixmigrate(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60
    )


class ImportedQueues(TestCase):
    """The embedded queue server, as Kestrel."""

    @pytest.fixture(autouse=True)
    def _queue(self, tmp_path: Path) -> Iterator[None]:
        self.place = tmp_path
        command = [*COMMAND, "queue", *kestrel(tmp_path / "store")]
        self.server = ServerProcess(command, tmp_path / "queue.log")
        yield
        self.server.kill()

    def words(self, *more: str) -> list[str]:
        for side in ("legacy", "candidate"):
            log = self.place / f"{side}.log"
            log.write_text("".join(LINE % (n, n) for n in range(5)))
            more = (*more, f"--{side}-log", str(log))
        return ["import", *self.queues(), *more, "--run", str(self.place / "run")]

    def queues(self) -> list[str]:
        url = f"kestrel://{self.server.address}/"
        return ["--legacy-queue", f"{url}events", "--candidate-queue", f"{url}c_events"]

    async def publish(self, first: int, last: int) -> None:
        host, port = self.server.address.split(":")
        queue = KestrelQueue(installed, host, int(port))
        events = [
            Event(name, b'{"n":%d}' % n)
            for n in range(first, last)
            for name in ("events", "c_events")
        ]
        self.assertEqual(await queue.publish(events), [Outcome.STORED] * len(events))
        await queue.close()

    def test_what_came_behind_a_position_is_imported_and_the_position_removed(
        self,
    ) -> "Deferred[None]":
        async def body() -> None:
            await self.publish(0, 3)
            taken = mixmigrate("import", *self.queues(), "--take-position", "before")
            self.assertEqual((taken.returncode, taken.stderr), (0, ""))
            await self.publish(3, 8)
            done = mixmigrate(*self.words("--position", "before"))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("5 events of legacy, 5 events of candidate", done.stdout)
            run = RunReader(self.place / "run")
            found = [event for number in run.partitions for event in run.events(number)]
            self.assertEqual({event.queue for event in found}, {"events"})
            for side in Side:
                own = [event.body for event in found if event.side is side]
                self.assertEqual(own, [b'{"n":%d}' % n for n in range(3, 8)])
                self.assertEqual(run.manifest.taps[side.value]["backlog"], 0)
            again = mixmigrate("import", *self.queues(), "--take-position", "before")
            self.assertEqual(again.returncode, 0)

        return Deferred.fromCoroutine(body())

    def test_a_kestrel_without_a_position_is_refused_with_what_to_do(self) -> None:
        done = mixmigrate(*self.words())
        self.assertEqual(done.returncode, 2)
        self.assertIn("--take-position NAME", done.stderr)
        self.assertFalse((self.place / "run" / "manifest.json").exists())
