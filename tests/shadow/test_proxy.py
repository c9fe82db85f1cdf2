"""The proxy carries out the rules: the client hears legacy, whatever the candidate does."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyingest.message import Request, Response
from shadow.breaker import Breaker, BreakerLimits
from shadow.dualrun import DualRun
from shadow.exchange import Answered, Exchange, Failed, Failure, NotMirrored, Reason, Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy, Server
from shadow.testing import ONE, HangingSide, ScriptedSide

REQUEST = Request(b"GET", b"/track?data=e30=", ((b"Host", b"x"),))
ZERO = Answered(Response(200, b"OK", ((b"Content-Length", b"1"),), b"0"), 0.001)
REFUSED = Failed(Failure.REFUSED, "connection refused", 0.0)


class ProxyTests(SynchronousTestCase):
    """With sides that answer from a script, and a clock that is told to go on."""

    def proxy(
        self, legacy: Server, candidate: Server, limits: LaneLimits | None = None, share: float = 1
    ) -> Proxy:
        self.clock = Clock()
        self.kept: list[Exchange] = []
        sides = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        breaker = Breaker(BreakerLimits(failures=3, first=1.0), lambda: 1.0)
        lane: Lane[DualRun] = Lane(limits or LaneLimits())
        return Proxy(self.clock, sides, lane, breaker, self.kept.append, share)

    def ask(self, proxy: Proxy, request: Request = REQUEST) -> bytes:
        answer = Deferred.fromCoroutine(proxy.answer(request, "203.0.113.9"))
        return self.successResultOf(answer).data

    def test_the_client_gets_legacys_answer(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide(lambda _: ZERO))
        self.assertTrue(self.ask(proxy).endswith(b"\r\n\r\n1"))

    def test_the_candidate_is_asked_only_after_the_answer_is_out(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate)
        self.ask(proxy)
        self.assertEqual(candidate.got, [])
        self.clock.advance(0)
        self.assertEqual(len(candidate.got), 1)

    def test_both_sides_get_the_same_request(self) -> None:
        legacy, candidate = ScriptedSide(), ScriptedSide()
        proxy = self.proxy(legacy, candidate)
        self.ask(proxy)
        self.clock.advance(0)
        self.assertEqual(legacy.got, candidate.got)

    def test_a_candidate_that_hangs_holds_nobody_up(self) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(requests=5, in_flight=2))
        for _ in range(20):
            self.assertTrue(self.ask(proxy).endswith(b"1"))
            self.clock.advance(0)
        self.assertEqual(len(candidate.got), 2)
        self.assertEqual(proxy.ledger.shed, 13)
        self.assertEqual(len(proxy.lane), 5)

    def test_the_ledger_closes_when_a_hanging_candidate_is_given_up(self) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(requests=5, in_flight=2))
        for _ in range(20):
            self.ask(proxy)
            self.clock.advance(0)
        proxy.abandon()
        candidate.answer()
        candidate.answer(REFUSED)
        self.assertEqual((proxy.ledger.remainder, proxy.ledger.pending), (0, 0))
        self.assertEqual(len(self.kept), 20)

    def test_a_dead_candidate_is_left_alone_after_a_while_and_tried_again(self) -> None:
        candidate = ScriptedSide(lambda _: REFUSED)
        proxy = self.proxy(ScriptedSide(), candidate)
        for _ in range(10):
            self.ask(proxy)
            self.clock.advance(0)
        self.assertEqual(len(candidate.got), 3)
        self.assertEqual(proxy.ledger.broken_circuit, 7)
        self.clock.advance(1.0)
        self.ask(proxy)
        self.clock.advance(0)
        self.assertEqual(len(candidate.got), 4)

    def test_a_dead_legacy_is_answered_for_with_502_and_recorded(self) -> None:
        proxy = self.proxy(ScriptedSide(lambda _: REFUSED), ScriptedSide())
        self.assertTrue(self.ask(proxy).startswith(b"HTTP/1.1 502 "))
        self.clock.advance(0)
        self.assertEqual((self.kept[0].legacy, self.kept[0].candidate), (REFUSED, ONE))

    def test_what_is_not_sampled_is_recorded_with_legacy_alone(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate, share=0)
        self.ask(proxy)
        self.clock.advance(0)
        self.assertEqual(candidate.got, [])
        self.assertEqual(self.kept[0].candidate, NotMirrored(Reason.NOT_SAMPLED))

    def test_without_mirroring_legacy_still_answers(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide())
        proxy.mirroring = False
        self.assertTrue(self.ask(proxy).endswith(b"1"))
        self.clock.advance(0)
        self.assertEqual(proxy.ledger.filtered, 1)

    def test_requests_are_numbered_as_they_come(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide())
        for _ in range(3):
            self.ask(proxy)
        self.clock.advance(0)
        self.assertEqual([one.number for one in self.kept], [1, 2, 3])
