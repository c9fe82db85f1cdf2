"""Attacks on the proxy's framing: refused, or read alike by everybody behind it.

The table of what came of each is ``docs/http-attacks.md``, and is checked against what happens.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from replay.legacy import Absent, find_erlang
from shadow.doctor.echoleg import EchoLeg
from shadow.doctor.framing import request_head
from shadow.doctor.proxied import Proxied, ProxiedLimits
from shadow.exchange import Exchange, Side
from shadow.relaying.pool import PoolLimits
from tests.system.attack_backends import (
    Backend,
    Split,
    has_nginx,
    mochiweb,
    named,
    nginx,
    nginx_front,
    pyingest,
    twisted_web,
)
from tests.system.attacking import SECONDS, plain_answer, said, statuses
from tests.system.attacks import ATTACKS, get

reactor: Any = installed
pytestmark = pytest.mark.erlang
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "http-attacks.md"
AFTER = get("after", b"Connection: close")


@dataclass
class Outcome:
    """What came of one attack."""

    forwarded: list[bytes] = field(default_factory=list)
    """Requests as legacy got them."""
    refused: list[int] = field(default_factory=list)
    """Statuses that the proxy gave of its own."""
    backends: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def at_the_proxy(self) -> str:
        """One cell of the table."""
        refusals = [str(status) for status in self.refused]
        if not self.forwarded:
            return "refused: " + ", ".join(refusals) if refusals else "nothing passed on"
        words = [f"{len(self.forwarded)} passed on"] if len(self.forwarded) > 1 else ["passed on"]
        return ", then ".join([*words, *refusals])


def judged(own: str, split: Split) -> tuple[str, str]:
    """Return what a backend made of a request and ``end`` behind it, and what is wrong with that.

    It may carry out both, or the first and close, or neither and say so. It may not carry out
    anything else, nor wait for more where the request has ended.
    """
    more = Counter(split.names) - Counter([own, "end"])
    if more or len(split.statuses) > 2:
        return "SPLIT", f"carried out {split.names} and answered {split.statuses}"
    if split.silent and split.statuses:
        return "WAITS", f"answered {split.statuses}, then waited for more"
    if split.silent:
        return "no answer", ""
    if "end" in split.names and len(split.statuses) < 2:
        return "SWALLOWED", f"answered {split.statuses} for two requests"
    if len(split.statuses) == 2:
        return "alike", ""
    if not split.statuses:
        return "closed", ""
    return ("alike, closed" if split.statuses[0] < 400 else f"refused: {split.statuses[0]}"), ""


class AttackTests(TestCase):
    """Real servers behind the proxy; each test tries all attacks."""

    timeout = 110
    backends: ClassVar[list[Backend]]
    stack: ClassVar[ExitStack]
    work: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        """Start the servers, or say what is missing."""
        erlang = find_erlang()
        if isinstance(erlang, Absent):
            raise SkipTest(erlang.why)
        if not has_nginx():
            raise SkipTest("nginx is not installed (Debian: nginx-light)")
        with ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            work.chmod(0o755)
            cls.work = work
            cls.backends = [
                stack.enter_context(nginx(work / "nginx")),
                stack.enter_context(mochiweb(work / "mochiweb", erlang)),
                stack.enter_context(twisted_web(work / "twisted")),
                stack.enter_context(pyingest(work / "pyingest")),
            ]
            cls.stack = stack.pop_all()

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop them."""
        cls.stack.close()

    async def test_no_backend_splits_what_is_passed_on_otherwise_than_the_proxy(self) -> None:
        outcomes = await through_recorders(ATTACKS)
        for outcome in outcomes.values():
            for backend in self.backends:
                words = []
                for raw in dict.fromkeys(outcome.forwarded):
                    head = request_head(raw)
                    assert head is not None
                    word, why = judged(named(head.target), backend.split(raw))
                    words.append(word)
                    if why:
                        outcome.wrong.append(f"{backend.name}: {why} for {raw[:300]!r}")
                outcome.backends[backend.name] = summed(words)
        found = table(outcomes)
        print(found)
        wrong = [f"{name}: {why}" for name, one in outcomes.items() for why in one.wrong]
        self.assertEqual(wrong, [], "\n".join(wrong))
        written = DOCUMENT.read_text()
        self.assertIn(found, written, f"{DOCUMENT} does not hold the table; put this in:\n{found}")

    async def test_who_comes_after_an_attack_gets_an_answer_of_their_own(self) -> None:
        by_name = {backend.name: backend for backend in self.backends}
        for pair in (("nginx", "twisted.web"), ("MochiWeb", "pyingest")):
            await self.attack_live(*(by_name[name] for name in pair))

    async def test_behind_an_nginx_the_proxy_finds_the_requests_that_nginx_passed_on(self) -> None:
        legs = {side: EchoLeg(side, plain_answer) for side in Side}
        listening = [leg.listen(reactor) for leg in legs.values()]
        kept: list[Exchange] = []
        proxied = Proxied(reactor, legs[Side.LEGACY].port, legs[Side.CANDIDATE].port, kept.append)
        try:
            with nginx_front(self.work / "front", proxied.port) as (port, log):
                for name, data in ATTACKS.items():
                    await said(port, data, closing=False)
                    await self.agreed(name, log, proxied, kept)
            for leg in legs.values():
                self.assertEqual((leg.broken, len(leg.got)), ([], len(kept)))
        finally:
            await proxied.stop()
            for one in listening:
                await maybeDeferred(one.stopListening)
        self.assertGreater(len(kept), 150)

    async def agreed(self, name: str, log: Path, proxied: Proxied, kept: list[Exchange]) -> None:
        """Wait until the proxy has counted as many requests as nginx passed on to it."""
        deadline = reactor.seconds() + SECONDS
        while True:
            counted = len(kept) + proxied.proxy.ledger.malformed
            passed = [line for line in log.read_text().splitlines() if line[0] != "-"]
            if len(passed) == counted and proxied.proxy.is_settled:
                return
            self.assertLess(reactor.seconds(), deadline, f"{name}: {counted}, not {len(passed)}")
            await deferLater(reactor, 0.01)

    async def attack_live(self, legacy: Backend, candidate: Backend) -> None:
        """Try every attack on one connection to each side, and somebody honest behind each."""
        kept: list[Exchange] = []
        limits = ProxiedLimits(PoolLimits(connections=1, answer=SECONDS))
        proxied = Proxied(reactor, legacy.port, candidate.port, kept.append, limits)
        try:
            for name, data in ATTACKS.items():
                await said(proxied.port, data)
                heard = await said(proxied.port, AFTER)
                with self.subTest(name):
                    self.assertEqual(statuses(heard), [200], f"{legacy.name}: {name}")
                    self.assertTrue(await proxied.settle(SECONDS))
                    passed = Counter(named(exchange.request.target) for exchange in kept)
                    for backend in (legacy, candidate):
                        more = Counter(backend.seen(b"")) - passed
                        self.assertEqual(more, Counter(), f"{backend.name}: {name}")
                    if legacy.name == "nginx":
                        self.assertEqual(legacy.seen(heard), ["after"])
                kept.clear()
        finally:
            await proxied.stop()


async def through_recorders(attacks: dict[str, bytes]) -> dict[str, Outcome]:
    """Return what the proxy passes on of each attack, as two servers record it that are strict."""
    legs = {side: EchoLeg(side, plain_answer) for side in Side}
    listening = [leg.listen(reactor) for leg in legs.values()]
    kept: list[Exchange] = []
    proxied = Proxied(reactor, legs[Side.LEGACY].port, legs[Side.CANDIDATE].port, kept.append)
    outcomes = {}
    try:
        for name, data in attacks.items():
            heard = await said(proxied.port, data)
            await proxied.settle(SECONDS)
            outcomes[name] = recorded(heard, legs, kept)
            kept.clear()
    finally:
        await proxied.stop()
        for one in listening:
            await maybeDeferred(one.stopListening)
    return outcomes


def recorded(heard: bytes, legs: dict[Side, EchoLeg], kept: list[Exchange]) -> Outcome:
    """Return the outcome at the proxy, and what is wrong with it already."""
    got = {side: leg.take() for side, leg in legs.items()}
    outcome = Outcome(got[Side.LEGACY])
    outcome.refused = [status for status in statuses(heard) if status != 299]
    outcome.wrong += [why for leg in legs.values() for why in leg.broken]
    if Counter(got[Side.LEGACY]) != Counter(got[Side.CANDIDATE]):
        outcome.wrong.append(f"the sides got different requests: {got}")
    counted = [(one.request.method, one.request.target) for one in kept]
    seen = [(head.word, head.target) for head in map(request_head, got[Side.LEGACY]) if head]
    if Counter(counted) != Counter(seen):
        outcome.wrong.append(f"the proxy counted {counted}, legacy {seen}")
    for leg in legs.values():
        leg.broken.clear()
        leg.said.clear()
    return outcome


def summed(words: list[str]) -> str:
    """Return what a backend made of several requests in one cell."""
    return "; ".join(dict.fromkeys(words))


def table(outcomes: dict[str, Outcome]) -> str:
    """Return the outcomes as a table in Markdown."""
    return "\n".join(_rows(outcomes))


def _rows(outcomes: dict[str, Outcome]) -> Iterator[str]:
    names = ["nginx", "MochiWeb", "twisted.web", "pyingest"]
    yield "| attack | at the proxy | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 2) + "|"
    for name, outcome in outcomes.items():
        cells = [outcome.backends.get(backend, "") for backend in names]
        yield "| " + " | ".join([name, outcome.at_the_proxy, *cells]) + " |"
