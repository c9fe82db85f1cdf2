"""From a URL to a queue, and the words for a URL that leads nowhere."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel import KestrelQueue
from pyingest.queues.kestrel_reader import KestrelReader
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.opening import open_queue, open_reader

reactor: Any = installed


class OpeningTests(TestCase):
    """Every form of URL."""

    def test_a_file_is_written_and_read(self) -> Deferred[None]:
        async def body() -> None:
            directory = Path(tempfile.mkdtemp(prefix="opening-"))
            self.addCleanup(shutil.rmtree, directory)
            url = f"sqlite:{directory}/q.db#events,profiles"
            queue = open_queue(reactor, url)
            events = [Event("profiles", b"1"), Event("other", b"2"), Event("events", b"3")]
            self.assertEqual(await queue.publish(events), [Outcome.STORED] * 3)
            at_end = open_reader(reactor, url, "one")
            from_start = open_reader(reactor, url, "two", from_start=True)
            self.assertEqual(await at_end.read(9), [])
            self.assertEqual([item.body for item in await from_start.read(9)], [b"1", b"3"])
            for opened in (at_end, from_start, queue):
                await opened.close()

        return Deferred.fromCoroutine(body())

    def test_the_other_schemes_open(self) -> None:
        self.assertIsInstance(open_queue(reactor, "memory:"), MemoryQueue)
        self.assertIsInstance(open_queue(reactor, "kestrel://127.0.0.1:1/a,b"), KestrelQueue)
        self.assertIsInstance(open_reader(reactor, "kestrel://127.0.0.1:1/a", "t"), KestrelReader)

    def complains(self, url: str, words: str) -> None:
        """Opening must fail either way, with the URL's fault in words."""
        with self.assertRaises(QueueError) as caught:
            open_queue(reactor, url)
        self.assertIn(words, str(caught.exception))
        with self.assertRaises(QueueError) as caught:
            open_reader(reactor, url, "tap")
        self.assertIn(words, str(caught.exception))

    def test_an_unknown_scheme(self) -> None:
        self.complains("amqp://h/q", "unknown scheme")

    def test_an_engine_that_is_not_installed_says_how_to_get_it(self) -> None:
        for engine, package in (("nats", "nats"), ("kafka", "confluent_kafka"), ("redis", "redis")):
            mine = {name for name in sys.modules if name.startswith(f"pyingest.queues.{engine}")}
            hidden: dict[str, Any] = dict.fromkeys(mine)
            taken = [name for name in sys.modules if name.partition(".")[0] == package]
            hidden |= dict.fromkeys([package, *taken])
            with patch.dict(sys.modules, hidden):
                for name in mine:
                    del sys.modules[name]
                place = "S/a" if engine == "nats" else "a"
                self.complains(
                    f"{engine}://127.0.0.1:1/{place}", f"pip install 'mixmigrate[{engine}]'"
                )

    def test_no_engine_is_loaded_that_is_not_used(self) -> None:
        script = (
            "import sys, cli, pyingest.server, pyingest.queues.opening as opening\n"
            "opening.open_queue(None, 'memory:')\n"
            "print({'nats', 'redis', 'confluent_kafka'} & set(sys.modules))"
        )
        told = subprocess.check_output([sys.executable, "-c", script], timeout=30)
        self.assertEqual(told.strip(), b"set()")

    def test_a_missing_port(self) -> None:
        for engine, place in (("kestrel", "q"), ("nats", "S/q"), ("kafka", "q"), ("redis", "q")):
            self.complains(f"{engine}://127.0.0.1/{place}", "is not HOST:PORT")

    def test_more_servers_than_an_engine_can_use(self) -> None:
        self.complains("redis://127.0.0.1:1,127.0.0.1:2/q", "name one Redis server")

    def test_files_of_secrets_that_are_not_there(self) -> None:
        for engine, place in (("nats", "S/q"), ("kafka", "q"), ("redis", "q")):
            url = f"{engine}://127.0.0.1:1/{place}"
            self.complains(f"{url}?password_file=/no/such", "password_file /no/such: ")
            self.complains(f"{url}?tls=1&ca=/no/such", "ca /no/such: ")

    def test_an_unknown_host(self) -> None:
        for engine, place in (("kestrel", "q"), ("nats", "S/q"), ("kafka", "q"), ("redis", "q")):
            self.complains(f"{engine}://no-such-host.invalid:1/{place}", "no-such-host.invalid")

    def test_a_bad_queue_name(self) -> None:
        self.complains("kestrel://127.0.0.1:1/a.b", "'a.b' cannot be the name")

    def test_a_missing_directory(self) -> None:
        self.complains("sqlite:/no/such/place/q.db#events", "/no/such/place/q.db")

    def test_a_queue_in_memory_has_no_reader_elsewhere(self) -> None:
        with self.assertRaises(QueueError) as caught:
            open_reader(reactor, "memory:", "tap")
        self.assertIn("another process", str(caught.exception))
