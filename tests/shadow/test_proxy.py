"""The proxy carries out the rules: the client hears legacy, whatever the candidate does."""

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from pyingest.crowd import SLICE
from shadow.breaker import Breaker, BreakerLimits
from shadow.dualrun import DualRun, Ended
from shadow.exchange import Exchange, Failed, Failure, NotMirrored, Reason, Side
from shadow.isolating.router import RequestArm, RuleRouter
from shadow.isolating.rules import Rules
from shadow.isolating.switch import Switch
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy
from shadow.relaying.mirror import IN_HAND, REST, Mirror, Server
from shadow.relaying.raw import RawRequest
from shadow.routing import Route, Router, Seen
from shadow.sampling import Sampling
from shadow.testing import (
    ONE,
    RAW_ONE,
    FakeVisitor,
    HangingSide,
    ScriptedSide,
    raw_answer,
    raw_request,
)

GET = b"GET /track?data=e30= HTTP/1.1\r\nHost: x\r\n\r\n"
ZERO = raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0")
REFUSED = Failed(Failure.REFUSED, "connection refused", 0.0)


class ProxyTests(SynchronousTestCase):
    """With sides that answer from a script, and a clock that is told to go on."""

    @pytest.fixture(autouse=True)
    def see_the_log(self, logged_failures: list[LogEvent]) -> None:
        self.logged = logged_failures

    def proxy(
        self,
        legacy: Server,
        candidate: Server,
        limits: LaneLimits | None = None,
        sampling: Sampling | None = None,
        control: float = 0.0,
    ) -> Proxy:
        arm = RequestArm(control, iter([0.1, 0.9] * 100).__next__)
        router = RuleRouter(Switch(), Rules(()), sampling or Sampling(), arm)
        self.clock = Clock()
        mirror = self.mirror(candidate, limits)
        return self.routed({Side.LEGACY: legacy}, {Side.CANDIDATE: mirror}, router)

    def routed(
        self, owners: dict[Side, Server], copies: dict[Side, Mirror | None], router: Router
    ) -> Proxy:
        self.kept: list[Exchange] = []
        return Proxy(self.clock, owners, copies, router, [self.kept.append])

    def mirror(self, server: Server, limits: LaneLimits | None = None) -> Mirror:
        breaker = Breaker(BreakerLimits(failures=3, first=1.0), lambda: 1.0)
        self.lane: Lane[DualRun] = Lane(limits or LaneLimits())
        self.made = Mirror(self.clock, server, self.lane, breaker, self.clock.seconds)
        return self.made

    def turns(self) -> None:
        """Let the loop turn once: what is put off meanwhile waits for the next turn."""
        due: Any = self.clock.getDelayedCalls()
        for call in due:
            if call.getTime() <= self.clock.seconds():
                function, values = call.func, call.args
                call.cancel()
                function(*values)

    def ask(self, proxy: Proxy) -> bytes:
        visitor = FakeVisitor()
        proxy.ask(raw_request(GET), visitor, False)
        return visitor.heard

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
        self.assertEqual([one.data for one in legacy.got], [one.data for one in candidate.got])
        self.assertEqual(len(legacy.got), 1)

    def test_a_candidate_that_hangs_holds_nobody_up(self) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(requests=5, in_flight=2))
        for _ in range(20):
            self.assertTrue(self.ask(proxy).endswith(b"1"))
            self.turns()
        self.assertEqual(len(candidate.got), 2)
        self.assertEqual(proxy.ledger.shed, 13)
        self.assertEqual(len(self.lane), 5)

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
        self.clock.pump([REST] * 5)
        # Three were out, and none more left: the third failure opened the circuit.
        self.assertEqual((len(candidate.got), proxy.ledger.broken_circuit), (3, 197))
        self.assertTrue(len(self.lane) == 0 and proxy.ledger.pending == 0)

    def slow_to_send(self) -> ScriptedSide:
        """Return a side to which a copy can be sent in a slice of time."""

        def slowly(request: RawRequest) -> Ended:
            self.clock.rightNow += SLICE
            return RAW_ONE

        return ScriptedSide(slowly)

    def line(self) -> tuple[ScriptedSide, Proxy]:
        """Return a side that took nothing yet, and the proxy at which copies wait for it."""
        candidate = self.slow_to_send()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(in_flight=0))
        for _ in range(IN_HAND + 5):
            self.ask(proxy)
        self.turns()
        self.assertEqual(len(candidate.got), 0)
        self.lane._limits = LaneLimits()
        return candidate, proxy

    def test_what_was_just_offered_leaves_at_once_however_much_it_is(self) -> None:
        candidate = self.slow_to_send()
        proxy = self.proxy(ScriptedSide(), candidate)
        for _ in range(5):
            self.ask(proxy)
        self.turns()
        self.assertEqual(len(candidate.got), 5)

    def test_a_line_that_had_to_wait_leaves_in_several_turns_with_rests_between(self) -> None:
        candidate, proxy = self.line()
        self.ask(proxy)
        self.turns()
        # This one, those in hand, and of all others one for the moment's sake.
        for sent in range(IN_HAND + 2, IN_HAND + 7):
            self.assertEqual(len(candidate.got), sent)
            self.clock.advance(REST / 2)
            self.assertEqual(len(candidate.got), sent)
            self.clock.advance(REST / 2)
        self.assertTrue(proxy.is_settled)

    def test_when_no_client_is_left_a_line_leaves_without_rests(self) -> None:
        candidate, proxy = self.line()
        self.made.hurry()
        for _ in range(5):
            self.clock.advance(0.0)
        self.assertTrue(proxy.is_settled)
        self.assertEqual(len(candidate.got), IN_HAND + 5)

    def test_a_side_that_takes_one_more_gets_one_in_hand_at_once_and_others_after_a_rest(
        self,
    ) -> None:
        candidate = HangingSide()
        proxy = self.proxy(ScriptedSide(), candidate, LaneLimits(in_flight=1))
        for _ in range(1 + IN_HAND + 3):
            self.ask(proxy)
            self.turns()
        self.assertEqual(len(candidate.got), 1)
        for taken in range(2, IN_HAND + 3):  # the last has rested
            candidate.answer(RAW_ONE)
            self.turns()
            self.assertEqual(len(candidate.got), taken)
        candidate.answer(RAW_ONE)
        self.turns()
        self.assertEqual(len(candidate.got), IN_HAND + 2)
        self.clock.advance(REST)
        self.assertEqual(len(candidate.got), IN_HAND + 3)

    def test_the_control_arm_is_answered_and_not_mirrored(self) -> None:
        candidate = ScriptedSide()
        proxy = self.proxy(ScriptedSide(), candidate, control=0.5)
        for _ in range(10):
            self.assertTrue(self.ask(proxy).endswith(b"1"))
        self.turns()
        self.assertEqual((len(candidate.got), proxy.ledger.control), (5, 5))

    def test_what_comes_after_the_end_was_called_is_abandoned(self) -> None:
        legacy = HangingSide()
        proxy = self.proxy(legacy, ScriptedSide())
        self.ask(proxy)
        proxy.abandon()
        self.assertFalse(proxy.is_settled)
        legacy.answer()
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

    def test_a_copy_waits_until_the_answer_has_left_us(self) -> None:
        candidate, visitor = ScriptedSide(), FakeVisitor()
        proxy = self.proxy(ScriptedSide(), candidate)
        visitor.full = True
        proxy.ask(raw_request(GET), visitor, False)
        self.clock.pump([0] * 5)
        self.assertEqual((visitor.heard, candidate.got), (RAW_ONE.data, []))
        visitor.fetch()
        self.turns()
        self.assertEqual(len(candidate.got), 1)

    def test_a_request_of_the_candidates_goes_there_and_its_copy_to_legacys_shadow(self) -> None:
        self.clock = Clock()
        live, shadow = ScriptedSide(lambda _: ZERO), ScriptedSide()
        owners: dict[Side, Server] = {Side.LEGACY: ScriptedSide(), Side.CANDIDATE: live}
        mirror = self.mirror(shadow)
        proxy = self.routed(owners, {Side.LEGACY: mirror}, Always(Route(Side.CANDIDATE)))
        self.assertEqual(self.ask(proxy), ZERO.data)
        self.turns()
        self.assertEqual((self.kept[0].legacy, self.kept[0].owner), (ONE, Side.CANDIDATE))
        self.assertEqual((len(live.got), len(shadow.got)), (1, 1))
        self.assertTrue(proxy.is_settled)
        self.assertEqual(proxy.ledger.owner_candidate_answered, 1)

    def test_a_request_of_the_candidates_is_alone_where_legacy_has_no_shadow(self) -> None:
        self.clock = Clock()
        owners: dict[Side, Server] = {Side.CANDIDATE: ScriptedSide(lambda _: ZERO)}
        proxy = self.routed(owners, {Side.LEGACY: None}, Always(Route(Side.CANDIDATE)))
        self.ask(proxy)
        self.turns()
        self.assertEqual(self.kept[0].legacy, NotMirrored(Reason.ALONE))
        self.assertEqual((proxy.ledger.alone, proxy.is_settled), (1, True))

    def test_one_observer_that_fails_keeps_nothing_from_the_others(self) -> None:
        def failing(exchange: Exchange) -> None:
            raise ValueError("cannot look at it")

        proxy = self.proxy(ScriptedSide(), ScriptedSide())
        proxy.observers = (failing, self.kept.append)
        self.ask(proxy)
        self.turns()
        self.assertEqual(len(self.kept), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.logged.clear()

    def test_a_router_that_fails_costs_no_client_its_answer(self) -> None:
        class Failing:
            def route(self, request: Seen) -> Route:
                raise ValueError("cannot route it")

        self.clock = Clock()
        mirror = self.mirror(ScriptedSide())
        proxy = self.routed({Side.LEGACY: ScriptedSide()}, {Side.CANDIDATE: mirror}, Failing())
        self.assertEqual(self.ask(proxy), RAW_ONE.data)
        self.turns()
        self.assertEqual((proxy.ledger.filtered, proxy.is_settled), (1, True))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.logged.clear()


class Always:
    """A router with one answer."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def route(self, request: Seen) -> Route:
        return self._route
