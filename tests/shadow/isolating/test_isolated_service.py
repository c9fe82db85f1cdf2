"""Isolation in a whole dual run on loopback: real sockets, a real run directory."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.message import Request
from shadow.exchange import NotMirrored, Reason
from shadow.isolating.command import switch_command
from shadow.isolating.settings import Isolating
from shadow.isolating.tax import arms_of
from shadow.options import ShadowOptions, SideOptions
from shadow.recording import RunReader
from shadow.service import ShadowService, start
from shadow.testing import FakeUpstream, RawClient, answering, hanging

CLOCK: Any = reactor
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
GET = b"GET /track?data=%d HTTP/1.1\r\nHost: x\r\n\r\n"


class IsolatedRunTests(TestCase):
    """Both sides answer 1 to everything."""

    timeout = 30

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        self.candidate = FakeUpstream(answering(HELLO))
        self.ports = []
        for upstream in (FakeUpstream(answering(HELLO)), self.candidate):
            listening = upstream.listen(CLOCK)
            self.addCleanup(maybeDeferred, listening.stopListening)
            self.ports.append(listening.getHost().port)

    async def start(self, **settings: Any) -> ShadowService:
        sides = [
            SideOptions(f"http://127.0.0.1:{port}", f"sqlite:{self.place}/{port}.db#events")
            for port in self.ports
        ]
        options = ShadowOptions(
            "127.0.0.1",
            0,
            sides[0],
            sides[1],
            self.place / "run",
            drain_seconds=2.0,
            isolating=msgspec.convert(settings, Isolating),
        )
        return await start(CLOCK, options)

    async def ask(self, service: ShadowService, requests: list[bytes]) -> None:
        """Send *requests* one after the other on one connection."""
        endpoint = TCP4ClientEndpoint(CLOCK, "127.0.0.1", service.port)
        client: RawClient = await connectProtocol(endpoint, RawClient())
        for count, request in enumerate(requests, 1):
            client.say(request)
            self.assertEqual(await client.hear(HELLO * count), HELLO * count)
        client.transport.loseConnection()  # type: ignore[union-attr]

    def recorded(self) -> RunReader:
        run = RunReader(self.place / "run")
        self.assertEqual(run.damage, [])
        self.assertEqual(run.manifest.ledger["remainder"], 0)
        return run

    async def test_a_control_arm_is_drawn_counted_and_told_in_the_run(self) -> None:
        service = await self.start(sampling={"control": 0.3})
        await self.ask(service, [GET % number for number in range(300)])
        await service.stop()
        manifest = self.recorded().manifest
        control = manifest.ledger["control"]
        self.assertTrue(50 < control < 130, control)
        self.assertEqual(manifest.ledger["candidate_answered"], 300 - control)
        arms = arms_of(manifest.tax)
        self.assertEqual(
            (arms.whole(True).total, arms.whole(False).total), (control, 300 - control)
        )

    def switched(self, *words: str) -> None:
        result = CliRunner().invoke(switch_command, [str(self.place / "run"), *words])
        self.assertEqual(result.exit_code, 0, result.output)

    async def test_the_switch_takes_the_candidate_out_and_in_again_while_clients_are_served(
        self,
    ) -> None:
        service = await self.start()
        await self.ask(service, [GET % number for number in range(5)])
        self.switched("off", "--why", "smoke")
        await deferLater(CLOCK, 0.3)
        before = b"".join(self.candidate.received)
        await self.ask(service, [GET % number for number in range(7)])
        self.assertEqual(b"".join(self.candidate.received), before)
        self.switched("on")
        await deferLater(CLOCK, 0.3)
        await self.ask(service, [GET % number for number in range(3)])
        await service.stop()
        ledger = self.recorded().manifest.ledger
        self.assertEqual((ledger["switched_off"], ledger["candidate_answered"]), (7, 8))

    async def test_what_waits_when_the_switch_is_turned_off_is_not_sent_any_more(self) -> None:
        self.candidate.behave = hanging
        service = await self.start(isolation={"lane": {"in_flight": 2}})
        await self.ask(service, [GET % number for number in range(20)])
        await deferLater(CLOCK, 0.1)
        self.switched("off")
        await deferLater(CLOCK, 0.3)
        ledger = service.front.proxy.ledger
        self.assertEqual((ledger.mirrored, ledger.switched_off), (2, 18))
        self.candidate.behave = answering(HELLO)
        service.front.close()
        await service.stop()

    async def test_rules_and_the_share_of_persons_say_who_is_mirrored(self) -> None:
        service = await self.start(
            rules=[{"path": "/health"}, {"method": "PUT", "action": "mirror"}],
            sampling={"share": 0.5, "sticky": "distinct_id"},
        )
        event = b'{"event":"%d","properties":{"token":"t","distinct_id":"%d"}}'
        target = b"GET /track?data=%b HTTP/1.1\r\nHost: x\r\n\r\n"
        asked = [target % (event % (n, n % 40)).replace(b'"', b"%22") for n in range(120)]
        asked += [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"] * 4
        asked += [b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"] * 3
        await self.ask(service, asked)
        await service.stop()
        run = self.recorded()
        self.assertEqual(run.manifest.ledger["filtered"], 4)
        skipped: dict[bytes, set[bool]] = {}
        for number in run.partitions:
            for one in run.exchanges(number):
                self.tally(skipped, one.request, one.candidate)
        self.assertEqual(len(skipped), 40)
        self.assertTrue(all(len(one) == 1 for one in skipped.values()))
        self.assertTrue(8 < sum(one == {True} for one in skipped.values()) < 32)

    def tally(self, skipped: dict[bytes, set[bool]], request: Request, outcome: object) -> None:
        """Note whether the request of a person was left out."""
        _, found, person = request.target.partition(b"distinct_id%22:%22")
        left_out = outcome == NotMirrored(Reason.NOT_SAMPLED)
        if found:
            skipped.setdefault(person, set()).add(left_out)
        elif request.method == b"PUT":
            self.assertFalse(left_out)

    async def test_a_candidate_that_is_held_back_by_a_trip_gets_nothing(self) -> None:
        service = await self.start(isolation={"trips": {"memory": 1, "calm": 60.0}})
        await self.ask(service, [GET % 1])
        await deferLater(CLOCK, 1.3)
        await self.ask(service, [GET % number for number in range(6)])
        await service.stop()
        ledger = self.recorded().manifest.ledger
        self.assertEqual((ledger["broken_circuit"], ledger["candidate_answered"]), (6, 1))
