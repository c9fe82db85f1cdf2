"""The queue server over loopback: bytes in, bytes out."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyingest.queues.interface import QueueError
from pyingest.queues.kestreld import KestrelServer, start
from pyingest.queues.sqlite import SqliteOptions

reactor: Any = installed
SECONDS = 10
CLOSED = b"<closed>"


class Client(Protocol):
    """Sends bytes and waits for bytes."""

    def __init__(self) -> None:
        self.heard = b""
        self._wanted: tuple[bytes, Deferred[None]] | None = None

    def write(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]

    async def say(self, data: bytes, expected: bytes) -> None:
        """Send, and wait until *expected* came; ``<closed>`` stands for the end."""
        self.write(data)
        await self.hear(expected)

    async def hear(self, expected: bytes) -> None:
        waiting: Deferred[None] = Deferred()
        self._wanted = (expected, waiting)
        self._check()
        await waiting.addTimeout(SECONDS, reactor, lambda *_: self._complain(expected))
        self.heard = self.heard[len(expected) :]

    async def hear_until(self, mark: bytes) -> bytes:
        """Return everything up to and with *mark*."""
        for _ in range(SECONDS * 200):
            before, found, after = self.heard.partition(mark)
            if found:
                self.heard = after
                return before + found
            await deferLater(reactor, 0.005)
        raise AssertionError(f"heard {self.heard[-200:]!r}, no {mark!r}")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._check()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard += CLOSED
        self._check()

    def leave(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]

    def _check(self) -> None:
        if self._wanted is None:
            return
        expected, waiting = self._wanted
        if self.heard.startswith(expected):
            self._wanted = None
            waiting.callback(None)
        elif not expected.startswith(self.heard):
            self._wanted = None
            waiting.errback(AssertionError(f"heard {self.heard[:300]!r}, not {expected[:300]!r}"))

    def _complain(self, expected: bytes) -> None:
        raise AssertionError(f"heard {self.heard[:300]!r}, not {expected[:300]!r}")


def put(body: bytes, queue: bytes = b"q") -> bytes:
    return b"set %b 0 0 %d\r\n%b\r\n" % (queue, len(body), body)


def value(body: bytes, queue: bytes = b"q") -> bytes:
    return b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (queue, len(body), body)


S, E = b"STORED\r\n", b"END\r\n"
DUMP = "\r\n  ".join([
    "queue 'q' {", "items=1", "bytes=2", "total_items=1", "expired_items=0", "mem_items=1",
    "mem_bytes=2", "discarded=0", "open_transactions=0", "children=0", "waiters=0",
]).encode() + b"\r\n}\r\nEND\r\n"  # fmt: skip
CRLF = b"\r\nEND\r\n\x00\xff"

SCRIPTS: dict[str, list[tuple[bytes, bytes]]] = {
    "a_plain_read_takes": [(put(b"1"), S), (b"get q\r\n", value(b"1")), (b"get q\r\n", E)],
    "a_gets_is_a_get": [(put(b"1"), S), (b"gets q\r\n", value(b"1"))],
    "bodies_are_bytes": [(put(CRLF), S), (b"get q\n", value(CRLF))],
    "an_empty_body_is_a_body": [(put(b""), S), (b"get q\r\n", value(b""))],
    "answers_keep_the_order_of_pipelined_requests": [
        (put(b"1") + put(b"2") + b"get q\r\nversion\r\n" + put(b"3") + b"get q\r\nget q\r\n",
         S + S + value(b"1") + b"VERSION 2.4.1\r\n" + S + value(b"2") + value(b"3")),
    ],
    "an_open_read_is_confirmed_by_close": [
        (put(b"1"), S), (b"get q/open\r\n", value(b"1")), (b"get q/close\r\n", E),
        (b"get q/open\r\n", E), (b"get q/close\r\n", E),
    ],
    "close_and_open_go_together": [
        (put(b"1") + put(b"2"), S + S), (b"get q/close/open\r\n", value(b"1")),
        (b"get q/open/close\r\n", value(b"2")), (b"get q/close/open/t=20\r\n", E),
    ],
    "abort_puts_back_at_the_head": [
        (put(b"1") + put(b"2"), S + S), (b"get q/open\r\n", value(b"1")),
        (b"get q/abort\r\n", E), (b"get q\r\n", value(b"1")), (b"get q/abort\r\n", E),
    ],
    "peek_leaves_it": [
        (b"get q/peek\r\n", E), (put(b"1"), S), (b"get q/peek\r\n", value(b"1")),
        (b"get q/peek/t=50\r\n", value(b"1")), (b"get q\r\n", value(b"1")),
    ],
    "a_wait_ends": [(b"get q/t=30\r\n", E)],
    "a_plain_read_beside_an_open_one_is_an_error": [
        (put(b"1") + put(b"2"), S + S), (b"get q/open\r\n", value(b"1")),
        (b"get q\r\n", b"ERROR\r\n" + CLOSED),
    ],
    "the_hundred_and_first_open_read_is_an_error": [
        (put(b"x") * 101, S * 101), (b"get q/open\r\n" * 100, value(b"x") * 100),
        (b"get q/open\r\n", b"ERROR\r\n" + CLOSED),
    ],
    "monitor_opens_what_is_there": [
        (put(b"1") + put(b"2") + put(b"3"), S * 3),
        (b"monitor q 1 2\r\n", value(b"1") + value(b"2") + E),
        (b"confirm q 3\r\n", b"ERROR\r\n"), (b"confirm q 0\r\n", b"ERROR\r\n"),
        (b"confirm q 2\r\n", E), (b"get q\r\n", value(b"3")),
    ],
    "a_child_sees_later_writes_only": [
        (put(b"before"), S), (b"get q+c\r\n", E), (put(b"after"), S),
        (b"get q+c\r\n", value(b"after", b"q+c")), (b"get q+c\r\n", E),
        (b"get q\r\n", value(b"before")), (b"get q\r\n", value(b"after")),
    ],
    "delete_drops_the_queue": [
        (put(b"1"), S), (b"delete q\r\n", b"DELETED\r\n"), (b"get q\r\n", E),
        (b"delete never\r\n", b"DELETED\r\n"),
    ],
    "flush_empties_it": [
        (put(b"1") + put(b"2", b"r"), S + S), (b"flush q\r\n", E), (b"get q\r\n", E),
        (b"flush_all\r\n", b"Flushed all queues.\r\n"), (b"get r\r\n", E),
        (b"flush_expired q\r\n", b"0\r\n"), (b"flush_all_expired\r\n", b"0\r\n"),
    ],
    "dump_stats_names_the_queue": [
        (put(b"12"), S),
        (b"dump_stats q\r\n", DUMP),
    ],
    "missing_words_keep_the_connection": [
        (b"get\r\n", b"CLIENT_ERROR\r\n"), (b"set q 0 0\r\n", b"CLIENT_ERROR\r\n"),
        (b"get q\r\n", E),
    ],
    "unknown_words_end_it": [(b"incr q 1\r\nget q\r\n", b"CLIENT_ERROR\r\n" + CLOSED)],
    "other_storage_words_end_it": [(b"add q 0 0 1\r\nx\r\n", b"CLIENT_ERROR\r\n" + CLOSED)],
    "answers_before_an_error_are_sent": [
        (put(b"1") + b"get q/peek/open\r\n" + put(b"2"), S + b"CLIENT_ERROR\r\n" + CLOSED),
    ],
    "quit_ends_it_quietly": [(put(b"1") + b"quit\r\n", S + CLOSED)],
    "status_is_up": [(b"status\r\n", b"up\r\n"), (b"status readonly\r\n", E)],
}  # fmt: skip


class ServerCase(TestCase):
    """A server in a directory of its own."""

    server: KestrelServer

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        self.directory = Path(tempfile.mkdtemp(prefix="kestreld-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        return Deferred.fromCoroutine(self.begin())

    def tearDown(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        return Deferred.fromCoroutine(self.server.stop())

    async def begin(self, **options: Any) -> None:
        self.server = await start(reactor, "127.0.0.1", 0, self.directory, **options)

    async def client(self, port: int | None = None) -> Client:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port or self.server.port)
        client = Client()
        await connectProtocol(endpoint, client)
        return client

    async def restart(self, **options: Any) -> None:
        await self.server.stop()
        await self.begin(**options)


class ScriptTests(ServerCase):
    """One connection each; the tests are made from the table."""

    async def play(self, script: list[tuple[bytes, bytes]]) -> None:
        client = await self.client()
        for said, expected in script:
            await client.say(said, expected)
        self.assertEqual(client.heard, b"")
        client.leave()


def _script_test(script: list[tuple[bytes, bytes]]) -> Any:
    return lambda self: Deferred.fromCoroutine(self.play(script))


for _name, _script in SCRIPTS.items():
    setattr(ScriptTests, f"test_{_name}", _script_test(_script))


class ConnectionTests(ServerCase):
    """What several connections have to do with each other."""

    def test_what_is_open_comes_back_when_its_connection_ends(self) -> Deferred[None]:
        async def body() -> None:
            one, two = await self.client(), await self.client()
            await one.say(put(b"1") + put(b"2") + put(b"3"), S * 3)
            await one.say(b"get q/open\r\nget q/open\r\n", value(b"1") + value(b"2"))
            await two.say(b"get q/open\r\n", value(b"3"))
            one.leave()
            await two.say(b"get q/close/open/t=5000\r\n", value(b"1"))
            await two.say(b"get q/close/open/t=5000\r\n", value(b"2"))
            two.leave()

        return Deferred.fromCoroutine(body())

    def test_a_waiting_read_is_woken_by_a_write(self) -> Deferred[None]:
        async def body() -> None:
            reader, child, writer = [await self.client() for _ in range(3)]
            await reader.say(b"version\r\nget q/t=8000\r\n", b"VERSION 2.4.1\r\n")
            await child.say(b"get q+c\r\n", E)
            child.write(b"get q+c/t=8000/open\r\n")
            await self.until_waiting(writer, b"q+c")
            await writer.say(put(b"1"), S)
            await reader.hear(value(b"1"))
            await child.hear(value(b"1", b"q+c"))
            for client in (reader, child, writer):
                client.leave()

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_left_while_waiting_gets_nothing(self) -> Deferred[None]:
        async def body() -> None:
            gone, here = await self.client(), await self.client()
            gone.write(b"get q/t=8000\r\n")
            await self.until_waiting(here, b"q")
            gone.leave()
            await self.until_waiting(here, b"q", 0)
            await here.say(put(b"1") + b"get q\r\n", S + value(b"1"))
            here.leave()

        return Deferred.fromCoroutine(body())

    def test_several_waiting_readers_are_served_in_turn(self) -> Deferred[None]:
        async def body() -> None:
            writer = await self.client()
            readers = [await self.client() for _ in range(3)]
            for number, reader in enumerate(readers):
                reader.write(b"get q/t=8000\r\n")
                await self.until_waiting(writer, b"q", number + 1)
            for number, reader in enumerate(readers):
                await writer.say(put(b"%d" % number), S)
                await reader.hear(value(b"%d" % number))
            for client in (*readers, writer):
                client.leave()

        return Deferred.fromCoroutine(body())

    def test_many_writers_lose_and_repeat_nothing_and_keep_their_order(self) -> Deferred[None]:
        async def body() -> None:
            writers = [await self.client() for _ in range(4)]
            work = []
            for number, writer in enumerate(writers):
                sets = b"".join(put(b"%d-%04d" % (number, n)) for n in range(700))
                work.append(Deferred.fromCoroutine(writer.say(sets, S * 700)))
            await gatherResults(work)
            reader = await self.client()
            reader.write(b"get q/close/open\r\n" * 2801 + b"version\r\n")
            heard = await reader.hear_until(b"VERSION")
            seen = [line for line in heard.split(b"\r\n") if line[1:2] == b"-"]
            self.assertEqual(len(seen), 2800)
            for number in range(4):
                mine = [line for line in seen if line.startswith(b"%d-" % number)]
                self.assertEqual(mine, [b"%d-%04d" % (number, n) for n in range(700)])
            for client in (*writers, reader):
                client.leave()

        return Deferred.fromCoroutine(body())

    def test_a_client_that_does_not_read_does_not_fill_the_memory(self) -> Deferred[None]:
        async def body() -> None:
            client = await self.client()
            big = b"x" * 200_000
            await client.say(put(big), S)
            client.transport.pauseProducing()  # type: ignore[union-attr]
            client.write(b"get q/peek\r\n" * 100)
            (connection,) = self.server._queues.connections
            while connection._session.load < 30:
                await deferLater(reactor, 0.01)
            await deferLater(reactor, 0.2)
            self.assertGreater(connection._session.load, 30)
            client.transport.resumeProducing()  # type: ignore[union-attr]
            await client.hear(value(big) * 100)
            client.leave()

        return Deferred.fromCoroutine(body())

    async def until_waiting(self, client: Client, queue: bytes, count: int = 1) -> None:
        """Wait until *count* readers wait at a queue."""
        for _ in range(500):
            client.write(b"stats\r\n")
            if b"STAT queue_%b_waiters %d\r\n" % (queue, count) in await client.hear_until(E):
                return
            await deferLater(reactor, 0.01)
        raise AssertionError(f"never {count} waiting at {queue!r}")


class RestartTests(ServerCase):
    """What outlives a server, and what it turns away."""

    def test_messages_and_positions_survive_an_orderly_stop(self) -> Deferred[None]:
        async def body() -> None:
            client = await self.client()
            await client.say(b"get q+c\r\n", E)
            await client.say(b"".join(put(b"%d" % n) for n in range(4)), S * 4)
            await client.say(b"get q\r\n", value(b"0"))
            await client.say(b"get q/open\r\n", value(b"1"))
            await client.say(b"get q+c\r\n", value(b"0", b"q+c"))
            await self.restart()
            client = await self.client()
            client.write(b"stats\r\n")
            stats = await client.hear_until(E)
            for line in (b"queue_q_items 3", b"queue_q+c_items 3", b"queue_q_bytes 3",
                         b"queue_q_children 1", b"curr_connections 1"):  # fmt: skip
                self.assertIn(b"STAT " + line + b"\r\n", stats)
            await client.say(b"get q\r\n" * 4, value(b"1") + value(b"2") + value(b"3") + E)
            await client.say(b"get q+c\r\n", value(b"1", b"q+c"))
            client.leave()

        return Deferred.fromCoroutine(body())

    def test_a_full_queue_answers_not_stored(self) -> Deferred[None]:
        async def body() -> None:
            await self.restart(max_items=2)
            client = await self.client()
            await client.say(put(b"1") * 3, S + S + b"NOT_STORED\r\n")
            await client.say(b"get q\r\n" + put(b"2"), value(b"1") + S)
            client.leave()

        return Deferred.fromCoroutine(body())

    def test_a_full_disk_answers_not_stored_and_loses_nothing(self) -> Deferred[None]:
        async def body() -> None:
            await self.restart(options=SqliteOptions(max_bytes=300_000))
            client = await self.client()
            big = b"x" * 10_000
            count, answer = 0, S
            while answer == S and count < 60:
                client.write(put(big))
                answer = await client.hear_until(b"\r\n")
                count += answer == S
            self.assertEqual(answer, b"NOT_STORED\r\n")
            self.assertGreater(count, 10)
            await client.say(b"get q/open\r\n" * count, value(big) * count)
            client.leave()

        return Deferred.fromCoroutine(body())

    def test_what_everyone_has_read_is_trimmed(self) -> Deferred[None]:
        async def body() -> None:
            client = await self.client()
            await client.say(put(b"1") * 50, S * 50)
            await client.say(b"get q\r\n" * 50, value(b"1") * 50)
            thread = self.server._queues._thread
            for _ in range(300):
                if not (await thread.call(thread.file.ends)):
                    break
                await deferLater(reactor, 0.02)
            else:
                self.fail("still there")
            await self.restart()
            client = await self.client()
            await client.say(put(b"2") + b"get q\r\n", S + value(b"2"))
            client.leave()

        return Deferred.fromCoroutine(body())

    def test_a_second_server_on_the_directory_is_turned_away(self) -> Deferred[None]:
        return self.refused(self.directory, "another queue server")

    def test_a_directory_that_cannot_be_made_is_named(self) -> Deferred[None]:
        (self.directory / "file").touch()
        return self.refused(self.directory / "file" / "store", "file/store")

    def refused(self, directory: Path, words: str) -> Deferred[None]:
        async def body() -> None:
            error = await self.assertFailure(
                Deferred.fromCoroutine(start(reactor, "127.0.0.1", 0, directory)), QueueError
            )
            self.assertIn(words, str(error))

        return Deferred.fromCoroutine(body())


SERVER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from pyingest.queues.kestreld import start

async def main():
    server = await start(reactor, "127.0.0.1", 0, Path(sys.argv[1]))
    print(server.port, flush=True)

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
reactor.run()
"""


class KillTests(ServerCase):
    """A server process that is killed in the middle of its work."""

    def test_no_stored_message_is_lost_and_open_ones_come_back(self) -> Deferred[None]:
        async def body() -> None:
            await self.server.stop()
            process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(self.directory)], stdout=subprocess.PIPE
            )
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            assert process.stdout is not None
            self.addCleanup(process.stdout.close)
            client = await self.client(int(process.stdout.readline()))
            await client.say(put(b"f") * 3 + b"get q\r\nget q/open\r\n", S * 3 + value(b"f") * 2)
            for number in range(20_000):
                client.write(put(b"%05d" % number))
            while client.heard.count(S) < 2_000:
                await deferLater(reactor, 0.001)
            os.kill(process.pid, signal.SIGKILL)
            told = (await client.hear_until(CLOSED)).count(S)
            self.assertLess(told, 20_000)
            process.wait()  # its sockets may be closed before its lock is
            await self.begin()
            client = await self.client()
            await client.say(b"get q\r\nget q\r\n", value(b"f") * 2)
            expected = b"".join(value(b"%05d" % number) for number in range(told))
            await client.say(b"get q\r\n" * told, expected)
            client.leave()

        return Deferred.fromCoroutine(body())
