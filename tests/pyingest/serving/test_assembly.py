"""The whole of one process: each contract, with everything on, over real sockets."""

import socket
from pathlib import Path

import msgspec
from twisted.internet import reactor, threads
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.serving.assembly import Running, Share, assemble
from pyingest.serving.logs import Log
from pyingest.serving.reading import settings_from
from pyingest.serving.trafficstats import merged
from pyingest.traffic.stats import Stats

GOOD = b'{"event":"e","properties":{"token":"T","distinct_id":"d","time":1}}'
BAD = b'{"event":"e"}'


def post(port: int, path: bytes, body: bytes, kind: bytes = b"") -> bytes:
    """Send a request; return the whole answer. Blocks."""
    head = b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n" % (path, len(body))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + kind + b"\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


class AssemblyTests(TestCase):
    timeout = 30

    async def begin(self, **sections: object) -> Running:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.lines: list[bytes] = []
        log = Log(self.lines.append, lambda: 0.0, repeats=1000)
        data = {
            "listen": {"address": "127.0.0.1:0", "admin": "127.0.0.1:0"},
            "queue": {"url": f"sqlite:{self.directory / 'q.db'}#events,profiles"},
            "dead_letters": {"url": str(self.directory / "dead")},
            **sections,
        }
        return await assemble(reactor, settings_from(data, "test"), log, Share())

    async def ask(self, running: Running, path: bytes, body: bytes, kind: bytes = FORM) -> bytes:
        data: bytes = await threads.deferToThread(post, running.port, path, body, kind)
        return data.partition(b"\r\n\r\n")[2]

    def counted(self, running: Running) -> dict[str, float]:
        found: dict[str, float] = {}
        for one in running.report().samples:
            found[one.name] = found.get(one.name, 0) + one.value
        return found

    def letters(self) -> list[dict[str, object]]:
        text = b"".join(path.read_bytes() for path in (self.directory / "dead").iterdir())
        return [msgspec.json.decode(line) for line in text.splitlines()]

    async def test_classic_counts_the_quick_way_and_the_other_alike(self) -> None:
        running = await self.begin(logs={"access": True})
        quick = await self.ask(running, b"/track", b"data=" + GOOD)
        slow = await self.ask(running, b"http://h/track", b"data=" + GOOD)
        mixed = await self.ask(running, b"/track", b"data=[%b,%b]&verbose=1" % (GOOD, BAD))
        assert (quick, slow) == (b"1", b"1")
        assert mixed == b'{"error":"token, missing or empty","status":1}'
        found = self.counted(running)
        assert found["mixmigrate_requests_total"] == 3
        assert found["mixmigrate_events_total"] == 3
        assert found["mixmigrate_records_rejected_total"] == 1
        assert found["mixmigrate_request_seconds_count"] == 3
        stats = running.report().stats["traffic"]
        assert isinstance(stats, Stats)
        assert stats.since_start.totals.stored == 3
        assert [one.token for one in stats.since_start.tokens.senders] == ["T", ""]
        await running.stop()
        assert [one["reason"] for one in self.letters()] == ["token, missing or empty"]
        requests = [line for line in self.lines if b'"event":"request"' in line]
        assert len(requests) == 3
        assert not any(b"properties" in line for line in requests)

    async def test_modern_with_everything_on_stores_and_tells(self) -> None:
        running = await self.begin(
            contract={"name": "modern", "prefixes": ["", "/mp"]},
            spool={"directory": "spool"},
            tokens={"rate": 1000.0, "deny": ["N"]},
            queue={
                "url": f"sqlite:{Path(self.mktemp())}#events,profiles",
                "quarantine": "shadow",
                "shards": 2,
            },
            aliases={"url": f"sqlite:{Path(self.mktemp())}"},
            privacy={"ip": "truncate"},
            proxies={"trusted": ["127.0.0.0/8"]},
        )
        assert await self.ask(running, b"/track?verbose=1", GOOD, b"") == (
            b'{"error":null,"status":1}'
        )
        assert await self.ask(running, b"/mp/track", GOOD.replace(b'"T"', b'"N"'), b"") == b"0"
        strict = await self.ask(running, b"/import?strict=1", b"[%b]" % BAD, b"")
        assert b'"code":400' in strict
        found = self.counted(running)
        assert found["mixmigrate_requests_total"] == 3
        assert found["mixmigrate_events_total"] == 1
        assert found["mixmigrate_records_rejected_total"] == 2
        endpoints = {dict(one.labels).get("endpoint") for one in running.report().samples}
        assert endpoints >= {"track", "import"}
        assert "other" not in endpoints
        await running.stop()
        assert {one["reason"] for one in self.letters()} >= {"token, not allowed"}

    async def test_modern_lets_browsers_read_what_is_refused_before_it_is_a_request(self) -> None:
        running = await self.begin(contract={"name": "modern"}, limits={"body": 10})
        data = await threads.deferToThread(post, running.port, b"/track", b"x" * 11)
        assert data.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in data
        assert data.endswith(b'{"error":"request exceeds max limit of 10 bytes","status":0}')
        await running.stop()

    async def test_privacy_reaches_the_queue_in_classic(self) -> None:
        for ip, expected in (("keep", b'"127.0.0.1"'), ("truncate", b'"127.0.0.0"'), ("drop", b"")):
            running = await self.begin(privacy={"ip": ip})
            assert await self.ask(running, b"/track", b"data=" + GOOD + b"&ip=1") == b"1"
            await running.stop()
            stored = (self.directory / "q.db").read_bytes()
            wal = self.directory / "q.db-wal"
            stored += wal.read_bytes() if wal.exists() else b""
            assert (b'"ip":' + expected in stored) == (ip != "drop")
            assert (b'"ip"' in stored) == (ip != "drop")

    async def test_a_spool_keeps_events_while_the_queue_is_away(self) -> None:
        running = await self.begin(
            queue={"url": "kestrel://127.0.0.1:1/events"}, spool={"directory": self.mktemp()}
        )
        assert await self.ask(running, b"/track", b"data=" + GOOD) == b"1"
        assert running.report().problem == ""
        assert self.counted(running)["mixmigrate_spool_events"] == 1
        await running.stop()

    async def test_without_a_spool_a_queue_that_is_away_makes_unready(self) -> None:
        running = await self.begin(queue={"url": "kestrel://127.0.0.1:1/events"})
        assert running.report().problem == ""
        assert await self.ask(running, b"/track", b"data=" + GOOD) == b"0"
        assert running.report().problem.startswith("queue: ")
        await running.stop()
        assert any(b'"not stored"' in line for line in self.lines)

    async def test_stats_name_the_servers_of_a_queue_that_has_several(self) -> None:
        running = await self.begin(queue={"url": "kestrel://127.0.0.1:1,127.0.0.1:2/events"})
        assert await self.ask(running, b"/track", b"data=" + GOOD) == b"0"
        stats = running.report().stats["traffic"]
        assert isinstance(stats, Stats)
        assert [one.name for one in stats.servers] == ["127.0.0.1:1", "127.0.0.1:2"]
        assert not any(one.alive for one in stats.servers)
        await running.stop()

    async def test_stats_of_two_workers_add_up(self) -> None:
        running = await self.begin()
        await self.ask(running, b"/track", b"data=" + GOOD)
        plain = msgspec.to_builtins(running.report().stats)
        await deferLater(reactor, 0)
        both = merged([plain, plain, {}])["traffic"]
        assert both.workers == 2
        assert both.since_start.totals.requests == 2
        await running.stop()
