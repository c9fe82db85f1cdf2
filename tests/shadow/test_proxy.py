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
from shadow.sampling import Sampling
from shadow.testing import ONE, HangingSide, ScriptedSide

REQUEST = Request(b"GET", b"/track?data=e30=", ((b"Host", b"x"),))
ZERO = Answered(Response(200, b"OK", ((b"Content-Length", b"1"),), b"0"), 0.001)
REFUSED = Failed(Failure.REFUSED, "connection refused", 0.0)


class ProxyTests(SynchronousTestCase):
    """With sides that answer from a script, and a clock that is told to go on."""

    def proxy(
        self,
        legacy: Server,
        candidate: Server,
        limits: LaneLimits | None = None,
        sampling: Sampling | None = None,
    ) -> Proxy:
        self.clock = Clock()
        self.kept: list[Exchange] = []
        sides = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        breaker = Breaker(BreakerLimits(failures=3, first=1.0), lambda: 1.0)
        lane: Lane[DualRun] = Lane(limits or LaneLimits())
        draw = iter([0.1, 0.9] * 100).__next__
        return Proxy(self.clock, sides, lane, breaker, self.kept.append, sampling, draw)

    def turns(self) -> None:
        """Let the loop turn twice: an answer is written between the two."""
        self.clock.pump([0, 0])

    def ask(self, proxy: Proxy, request: Request = REQUEST) -> bytes:
        answer = Deferred.fromCoroutine(proxy.answer(request, "203.0.113.9"))
        return self.successResultOf(answer).data

    def test_the_client_gets_legacys_answer(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide(lambda _: ZERO))
        self.assertTrue(self.ask(proxy).endswith(b"\r\n\r\n1"))

    def test_the_candidate_is_asked_in_a_later_turn_of_the_loop(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate)
        self.ask(proxy)
        self.assertEqual(candidate.got, [])
        self.turns()
        self.assertEqual(len(candidate.got), 1)

    def test_both_sides_get_the_same_request(self) -> None:
        legacy, candidate = ScriptedSide(), ScriptedSide()
        proxy = self.proxy(legacy, candidate)
        self.ask(proxy)
        self.turns()
        self.assertEqual(legacy.got, candidate.got)

    def test_a_candidate_that_hangs_holds_nobody_up(self) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(requests=5, in_flight=2))
        for _ in range(20):
            self.assertTrue(self.ask(proxy).endswith(b"1"))
            self.turns()
        self.assertEqual(len(candidate.got), 2)
        self.assertEqual(proxy.ledger.shed, 13)
        self.assertEqual(len(proxy.lane), 5)

    def test_the_ledger_closes_when_a_hanging_candidate_is_given_up(self) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(requests=5, in_flight=2))
        for _ in range(20):
            self.ask(proxy)
            self.turns()
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
            self.turns()
        self.assertEqual(len(candidate.got), 3)
        self.assertEqual(proxy.ledger.broken_circuit, 7)
        self.clock.advance(1.0)
        self.ask(proxy)
        self.turns()
        self.assertEqual(len(candidate.got), 4)

    def test_a_candidate_that_resets_or_babbles_is_no_outage(self) -> None:
        kinds = iter([Failure.RESET, Failure.MALFORMED] * 5)
        candidate = ScriptedSide(lambda _: Failed(next(kinds), "", 0.0))
        proxy = self.proxy(ScriptedSide(), candidate)
        for _ in range(10):
            self.ask(proxy)
            self.turns()
        self.assertEqual((len(candidate.got), proxy.ledger.broken_circuit), (10, 0))

    def test_what_waits_behind_an_outage_is_not_sent_into_it(self) -> None:
        candidate = HangingSide()
        limits = LaneLimits(in_flight=3)
        proxy = self.proxy(ScriptedSide(), candidate, limits)
        for _ in range(200):
            self.ask(proxy)
        self.turns()
        for _ in range(3):
            candidate.answer(Failed(Failure.TIMED_OUT, "", 10.0))
        self.clock.pump([0] * 5)
        # Three were out, two more left before the third failure opened the circuit.
        self.assertEqual((len(candidate.got), proxy.ledger.broken_circuit), (5, 195))
        self.assertTrue(len(proxy.lane) == 0 and proxy.ledger.pending == 2)

    def test_a_long_line_is_dealt_with_in_several_turns(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate)
        for _ in range(150):
            self.ask(proxy)
        proxy._pumping = True
        self.turns()
        proxy._pumping = False
        proxy._pump()
        self.assertEqual(len(candidate.got), 64)
        self.clock.pump([0] * 3)
        self.assertEqual(len(candidate.got), 150)
        self.assertTrue(proxy.is_settled)

    def test_the_control_arm_is_answered_and_not_mirrored(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate, sampling=Sampling(control=0.5))
        for _ in range(10):
            self.assertTrue(self.ask(proxy).endswith(b"1"))
        self.turns()
        self.assertEqual((len(candidate.got), proxy.ledger.not_sampled), (5, 5))

    def test_what_comes_after_the_end_was_called_is_abandoned(self) -> None:
        legacy = HangingSide()
        proxy = self.proxy(legacy, ScriptedSide())
        answer = Deferred.fromCoroutine(proxy.answer(REQUEST, ""))
        proxy.abandon()
        self.assertFalse(proxy.is_settled)
        legacy.answer()
        self.successResultOf(answer)
        self.turns()
        self.assertTrue(proxy.is_settled)
        self.assertEqual(proxy.ledger.abandoned, 1)

    def test_a_dead_legacy_is_answered_for_with_502_and_recorded(self) -> None:
        proxy = self.proxy(ScriptedSide(lambda _: REFUSED), ScriptedSide())
        self.assertTrue(self.ask(proxy).startswith(b"HTTP/1.1 502 "))
        self.turns()
        self.assertEqual((self.kept[0].legacy, self.kept[0].candidate), (REFUSED, ONE))

    def test_what_is_not_sampled_is_recorded_with_legacy_alone(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate, sampling=Sampling(share=0))
        self.ask(proxy)
        self.turns()
        self.assertEqual(candidate.got, [])
        self.assertEqual(self.kept[0].candidate, NotMirrored(Reason.NOT_SAMPLED))

    def test_without_mirroring_legacy_still_answers(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide())
        proxy.closed = Reason.FILTERED
        self.assertTrue(self.ask(proxy).endswith(b"1"))
        self.turns()
        self.assertEqual(proxy.ledger.filtered, 1)

    def test_requests_are_numbered_as_they_come(self) -> None:
        proxy = self.proxy(ScriptedSide(), ScriptedSide())
        for _ in range(3):
            self.ask(proxy)
        self.turns()
        self.assertEqual([one.number for one in self.kept], [1, 2, 3])
