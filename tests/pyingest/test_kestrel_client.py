"""The client against servers that are dead, hang, are full, or leave at the wrong moment."""

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel import KestrelQueue
from pyingest.queues.kestrel_reader import KestrelReader

reactor: Any = installed
Script = Callable[["Server", bytes], None]


class Server(Protocol):
    """Does with what it hears as its script says."""

    heard = b""

    def __init__(self, script: Script) -> None:
        self._script = script

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._script(self, data)

    def say(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]

    def leave(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]


class ServerFactory(Factory):
    """Gives every connection the script and remembers it."""

    noisy = False

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections: list[Server] = []

    def buildProtocol(self, addr: Any) -> Server:
        self.connections.append(Server(self.script))
        return self.connections[-1]

    @property
    def heard(self) -> bytes:
        return b"".join(connection.heard for connection in self.connections)


def answer(data: bytes) -> Script:
    return lambda server, _: server.say(data)


def hang(server: Server, data: bytes) -> None:
    """Say nothing."""


def leave(server: Server, data: bytes) -> None:
    server.leave()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one(body: bytes = b"x") -> list[Event]:
    return [Event("events", body)]


class ClientCase(TestCase):
    """A server with a script on a free port."""

    def serve(self, script: Script, port: int = 0) -> int:
        self.server = ServerFactory(script)
        self.listening = reactor.listenTCP(port, self.server, interface="127.0.0.1")
        self.addCleanup(self.end_server)
        return int(self.listening.getHost().port)

    def end_server(self) -> Deferred[None]:
        async def body() -> None:
            await self.listening.stopListening()
            for connection in self.server.connections:
                connection.transport.abortConnection()  # type: ignore[union-attr]
            await deferLater(reactor, 0.01)

        return Deferred.fromCoroutine(body())

    def queue(self, port: int, deadline: float = 5.0, connections: int = 1) -> KestrelQueue:
        queue = KestrelQueue(reactor, "127.0.0.1", port, connections, deadline)
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    def reader(self, port: int) -> KestrelReader:
        reader = KestrelReader(reactor, "127.0.0.1", port, ["events"], "tap")
        self.addCleanup(lambda: Deferred.fromCoroutine(reader.close()))
        return reader


class OutcomeTests(ClientCase):
    """What a publish says of each kind of failure."""

    def outcome_of(
        self, script: Script, expected: Outcome, deadline: float = 5.0
    ) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(script), deadline)
            self.assertEqual(await queue.publish(one()), [expected])
            self.assertEqual(self.server.heard, b"set events 0 0 1\r\nx\r\n")

        return Deferred.fromCoroutine(body())

    def test_stored(self) -> Deferred[None]:
        return self.outcome_of(answer(b"STORED\r\n"), Outcome.STORED)

    def test_full(self) -> Deferred[None]:
        return self.outcome_of(answer(b"NOT_STORED\r\n"), Outcome.FULL)

    def test_an_error_word_is_a_no(self) -> Deferred[None]:
        return self.outcome_of(answer(b"SERVER_ERROR\r\n"), Outcome.REFUSED)

    def test_a_server_that_leaves_after_taking_the_event_leaves_it_unknown(self) -> Deferred[None]:
        return self.outcome_of(leave, Outcome.UNKNOWN)

    def test_a_server_that_hangs_is_timed_out(self) -> Deferred[None]:
        return self.outcome_of(hang, Outcome.TIMED_OUT, 0.1)

    def test_a_server_that_is_no_kestrel_leaves_it_unknown(self) -> Deferred[None]:
        return self.outcome_of(answer(b"HTTP/1.1 400 Bad Request\r\n"), Outcome.UNKNOWN)

    def test_half_an_answer_is_none(self) -> Deferred[None]:
        def script(server: Server, data: bytes) -> None:
            server.say(b"STOR")
            server.leave()

        return self.outcome_of(script, Outcome.UNKNOWN)

    def test_nobody_there_refuses_at_once_and_nothing_is_sent(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(unused_port())
            began = reactor.seconds()
            for _ in range(50):
                self.assertEqual(await queue.publish(one()), [Outcome.REFUSED])
            self.assertLess(reactor.seconds() - began, 2.0)

        return Deferred.fromCoroutine(body())

    def test_each_event_has_its_own_outcome(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(answer(b"STORED\r\nNOT_STORED\r\nERROR\r\n")))
            answers = await queue.publish(one() * 5)
            self.assertEqual(
                answers,
                [Outcome.STORED, Outcome.FULL, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.UNKNOWN],
            )

        return Deferred.fromCoroutine(body())

    def test_a_name_that_would_smuggle_in_a_command_is_not_sent(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(answer(b"STORED\r\n")))
            bad = Event("q 0 0 1\r\nx\r\nset z", b"y")
            self.assertEqual(await queue.publish([bad, *one()]), [Outcome.REFUSED, Outcome.STORED])
            self.assertEqual(self.server.heard, b"set events 0 0 1\r\nx\r\n")

        return Deferred.fromCoroutine(body())


class ConnectionTests(ClientCase):
    """Connections that come and go."""

    def test_a_late_answer_is_never_taken_for_anothers(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(hang), 0.1)
            self.assertEqual(await queue.publish(one(b"1")), [Outcome.TIMED_OUT])
            self.server.script = answer(b"NOT_STORED\r\n")
            self.server.connections[0].say(b"STORED\r\n")
            self.assertEqual(await queue.publish(one(b"2")), [Outcome.FULL])
            self.assertEqual(len(self.server.connections), 2)
            self.assertEqual(self.server.heard.count(b"\r\n1\r\n"), 1)

        return Deferred.fromCoroutine(body())

    def test_the_server_coming_back_is_noticed(self) -> Deferred[None]:
        async def body() -> None:
            port = unused_port()
            queue = self.queue(port)
            self.assertEqual(await queue.publish(one()), [Outcome.REFUSED])
            self.serve(answer(b"STORED\r\n"), port)
            for _ in range(100):
                (outcome,) = await queue.publish(one())
                if outcome is Outcome.STORED:
                    break
                await deferLater(reactor, 0.02)
            self.assertIs(outcome, Outcome.STORED)
            self.assertEqual(self.server.heard, b"set events 0 0 1\r\nx\r\n")

        return Deferred.fromCoroutine(body())

    def test_an_idle_connection_that_the_server_closed_is_replaced(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(answer(b"STORED\r\n")))
            await queue.publish(one())
            self.server.connections[0].leave()
            await deferLater(reactor, 0.05)
            self.assertEqual(await queue.publish(one()), [Outcome.STORED])
            self.assertEqual(len(self.server.connections), 2)

        return Deferred.fromCoroutine(body())

    def test_writes_are_pipelined_over_a_few_connections(self) -> Deferred[None]:
        async def body() -> None:
            def script(server: Server, data: bytes) -> None:
                if self.server.heard.count(b"set ") == 40:
                    for connection in self.server.connections:
                        connection.say(b"STORED\r\n" * connection.heard.count(b"set "))

            queue = self.queue(self.serve(answer(b"STORED\r\n")), connections=4)
            await queue.publish(one())
            await deferLater(reactor, 0.05)
            for connection in self.server.connections:
                connection.heard, connection._script = b"", script
            asked = [Deferred.fromCoroutine(queue.publish(one())) for _ in range(40)]
            self.assertEqual(await gatherResults(asked), [[Outcome.STORED]] * 40)
            counts = [connection.heard.count(b"set ") for connection in self.server.connections]
            self.assertEqual(counts, [10] * 4)

        return Deferred.fromCoroutine(body())

    def test_closing_waits_for_the_answer_under_way(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.queue(self.serve(hang))
            asked = Deferred.fromCoroutine(queue.publish(one()))
            while not (self.server.connections and self.server.heard):
                await deferLater(reactor, 0.005)
            closing = Deferred.fromCoroutine(queue.close())
            self.server.connections[0].say(b"STORED\r\n")
            self.assertEqual(await asked, [Outcome.STORED])
            await closing
            self.assertEqual(await queue.publish(one()), [Outcome.REFUSED])

        return Deferred.fromCoroutine(body())


class ReaderTests(ClientCase):
    """Reading, when the server does not play along."""

    def test_nobody_there_is_an_error_that_says_where(self) -> Deferred[None]:
        async def body() -> None:
            port = unused_port()
            reader = self.reader(port)
            attaching: Deferred[Any] = Deferred.fromCoroutine(reader.attach())
            error = await self.assertFailure(attaching, QueueError)
            self.assertIn(f"kestrel://127.0.0.1:{port}", str(error))
            self.assertIn("running there", str(error))

        return Deferred.fromCoroutine(body())

    def test_a_server_that_is_no_kestrel_is_an_error(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader(self.serve(answer(b"CLIENT_ERROR\r\n")))
            error = await self.assertFailure(Deferred.fromCoroutine(reader.read(1)), QueueError)
            self.assertIn("CLIENT_ERROR", str(error))

        return Deferred.fromCoroutine(body())

    def test_attaching_names_the_child(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader(self.serve(answer(b"END\r\n")))
            await reader.attach()
            self.assertEqual(self.server.heard, b"get events+tap/peek\r\n")

        return Deferred.fromCoroutine(body())

    def test_a_message_that_comes_again_after_a_loss_is_not_told_twice(self) -> Deferred[None]:
        """The server sends a message, leaves before the rest, and sends it again."""

        async def body() -> None:
            def script(server: Server, data: bytes) -> None:
                if b"peek" in data:
                    server.say(b"END\r\n")
                elif server is self.server.connections[0]:
                    server.say(b"VALUE events+tap 0 1\r\n1\r\nEND\r\n")
                    server.leave()
                elif b"open" in server.heard and b"2" not in self.told:
                    self.told.append(b"2")
                    asked = data.count(b"open")
                    waiting = [b"VALUE events+tap 0 1\r\n%d\r\nEND\r\n" % n for n in (1, 2)]
                    server.say(b"".join([*waiting, *[b"END\r\n"] * 9][:asked]))
                else:
                    server.say(b"END\r\n" * data.count(b"\r\n"))

            self.told: list[bytes] = []
            reader = self.reader(self.serve(script))
            reader._lanes["events"].expected = 2
            first = await reader.read(10)
            reader._lanes["events"].expected = 4
            second = await reader.read(10)
            found = [(item.offset, item.body) for item in [*first, *second]]
            self.assertEqual(found, [(1, b"1"), (2, b"2")])

        return Deferred.fromCoroutine(body())

    def test_a_server_that_allows_one_open_read_is_read_to_its_end(self) -> Deferred[None]:
        """As Kestrel does without a configuration: a second open read ends the connection."""

        async def body() -> None:
            waiting = [b"%d" % n for n in range(10)]
            held: dict[Server, list[bytes]] = {}

            def script(server: Server, data: bytes) -> None:
                mine = held.setdefault(server, [])
                for line in data.split(b"\r\n")[:-1]:
                    if b"/close" in line and mine:
                        mine.pop()
                    if b"/open" not in line:
                        server.say(b"END\r\n")
                    elif mine:
                        waiting[:0] = mine
                        server.say(b"ERROR\r\n")
                        server.leave()
                        return
                    elif waiting:
                        mine.append(waiting.pop(0))
                        server.say(b"VALUE events+tap 0 1\r\n%b\r\nEND\r\n" % mine[0])
                    else:
                        server.say(b"END\r\n")

            reader = self.reader(self.serve(script))
            found: list[bytes] = []
            for _ in range(8):
                with contextlib.suppress(QueueError):
                    found += [item.body for item in await reader.read(64)]
            self.assertEqual(found, [b"%d" % n for n in range(10)])
            self.assertEqual(waiting, [])

        return Deferred.fromCoroutine(body())

    def test_a_bad_name_is_refused_before_anything_is_sent(self) -> None:
        with self.assertRaises(QueueError):
            KestrelReader(reactor, "127.0.0.1", 1, ["events"], "tap\r\nflush_all")
