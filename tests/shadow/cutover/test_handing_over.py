"""A request of the candidate's that it cannot be given goes to legacy, if that is safe."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shadow.exchange import Answered, Exchange, Failed, Failure, NotMirrored, Reason, Side
from shadow.proxy import Proxy
from shadow.relaying.mirror import Server
from shadow.routing import Route, Seen
from shadow.testing import FakeVisitor, HangingSide, ScriptedSide, raw_request

GET = b"GET /track?data=e30= HTTP/1.1\r\nHost: x\r\n\r\n"
ALONE = Route(Side.CANDIDATE, Reason.ALONE)


def failing(kind: Failure) -> ScriptedSide:
    return ScriptedSide(lambda _: Failed(kind, "", 0.0))


class Always:
    """Every request goes one way."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def route(self, request: Seen) -> Route:
        return self._route


class HandingOverTests(SynchronousTestCase):
    """With sides that answer from a script."""

    def ask(self, legacy: Server, candidate: Server, route: Route = ALONE) -> bytes:
        clock = Clock()
        self.kept: list[Exchange] = []
        owners = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        self.proxy = Proxy(clock, owners, {}, Always(route), [self.kept.append])
        visitor = FakeVisitor()
        self.proxy.ask(raw_request(GET), visitor, False)
        for _ in range(4):
            clock.advance(0)
        return visitor.heard

    def test_a_refused_connection_leads_to_legacy(self) -> None:
        legacy = ScriptedSide()
        heard = self.ask(legacy, failing(Failure.REFUSED))
        self.assertTrue(heard.endswith(b"\r\n\r\n1"))
        self.assertEqual(len(legacy.got), 1)

    def test_the_record_tells_of_both_sides(self) -> None:
        self.ask(ScriptedSide(), failing(Failure.REFUSED))
        (kept,) = self.kept
        self.assertEqual((kept.owner, kept.handed_over), (Side.LEGACY, True))
        self.assertIsInstance(kept.legacy, Answered)
        self.assertIsInstance(kept.candidate, Failed)

    def test_the_ledger_closes(self) -> None:
        self.ask(ScriptedSide(), failing(Failure.REFUSED))
        counts = self.proxy.ledger.to_dict()
        self.assertEqual((counts["remainder"], counts["pending"]), (0, 0))
        self.assertEqual((counts["owner_legacy_answered"], counts["candidate_failed"]), (1, 1))

    def test_what_may_have_been_carried_out_is_not_sent_again(self) -> None:
        for kind in (Failure.RESET, Failure.TIMED_OUT, Failure.MALFORMED):
            legacy = ScriptedSide()
            heard = self.ask(legacy, failing(kind))
            self.assertTrue(heard.startswith(b"HTTP/1.1 50"))
            self.assertEqual(legacy.got, [])
            self.assertIs(self.kept[0].handed_over, False)

    def test_if_legacy_refuses_too_the_client_gets_502(self) -> None:
        heard = self.ask(failing(Failure.REFUSED), failing(Failure.REFUSED))
        self.assertTrue(heard.startswith(b"HTTP/1.1 502"))
        self.assertEqual(self.proxy.ledger.to_dict()["remainder"], 0)

    def test_legacys_requests_are_not_handed_to_the_candidate(self) -> None:
        candidate = ScriptedSide()
        heard = self.ask(failing(Failure.REFUSED), candidate, Route(skip=Reason.ALONE))
        self.assertTrue(heard.startswith(b"HTTP/1.1 502"))
        self.assertEqual(candidate.got, [])

    def test_nothing_is_handed_over_while_the_candidate_may_still_answer(self) -> None:
        legacy, candidate = ScriptedSide(), HangingSide()
        self.ask(legacy, candidate)
        candidate.answer()
        self.assertEqual(legacy.got, [])

    def test_what_the_candidate_answers_is_its_own(self) -> None:
        self.ask(ScriptedSide(), ScriptedSide())
        self.assertEqual((self.kept[0].owner, self.kept[0].handed_over), (Side.CANDIDATE, False))
        self.assertEqual(self.kept[0].legacy, NotMirrored(Reason.ALONE))
