"""The echo test: what a client says, against what both sides get and what the client hears."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import maybeDeferred

from pyingest.message import Request, Response
from shadow.doctor.conversation import Conversation
from shadow.doctor.differing import is_documented, matched, request_changes, response_changes
from shadow.doctor.echoclient import EchoClient
from shadow.doctor.echoleg import EchoLeg
from shadow.doctor.echoreport import EchoDifference, EchoReport
from shadow.doctor.parsing import request_of, response_of
from shadow.doctor.proxied import Proxied
from shadow.exchange import Answered, Exchange, Side

PEER = "127.0.0.1"
SECONDS = 5.0
"""For an answer, or for a copy to reach the candidate."""
PATIENCE = 10
"""So many silences are waited out; those that follow are cut short."""

Recorded = tuple[Request | Response, ...]
"""What is recorded of an exchange: the request, and the answers that there were."""


async def echo(reactor: Any, conversations: Iterable[Conversation]) -> EchoReport:
    """Hold *conversations* with two recording servers through a proxy, all on loopback."""
    legs = {side: EchoLeg(side) for side in Side}
    listening = [leg.listen(reactor) for leg in legs.values()]
    recorded: list[Recorded] = []
    ports = legs[Side.LEGACY].port, legs[Side.CANDIDATE].port
    proxied = Proxied(reactor, *ports, lambda exchange: recorded.append(_recorded(exchange)))
    client = EchoClient(reactor, proxied.port, SECONDS)
    session = EchoSession(reactor, legs, client, recorded)
    try:
        for conversation in conversations:
            await session.hold(conversation)
        await proxied.settle(SECONDS)
    finally:
        await client.close()
        await proxied.stop()
        for one in listening:
            await maybeDeferred(one.stopListening)
    session.finish()
    return session.report


class EchoSession:
    """Conversations, one after the other, and what is found."""

    def __init__(
        self,
        reactor: Any,
        legs: dict[Side, EchoLeg],
        client: EchoClient,
        recorded: list[Recorded],
    ) -> None:
        self.report = EchoReport()
        self._reactor = reactor
        self._legs = legs
        self._client = client
        self._recorded = recorded
        self._expected: Counter[Recorded] = Counter()
        self._silences = 0

    async def hold(self, conversation: Conversation) -> None:
        """Say *conversation*, and note what differs."""
        self.report.requests[conversation.kind] += len(conversation.requests)
        for leg in self._legs.values():
            leg.may_close = len(conversation.requests) == 1
        answers = await self._client.converse(conversation)
        self._silences += None in answers
        self._client.seconds = SECONDS if self._silences < PATIENCE else SECONDS / 20
        # The client has its answers, so legacy has what it gets; the copies come after them.
        count = len(self._legs[Side.LEGACY].got)
        await self._legs[Side.CANDIDATE].wait(self._reactor, count, self._client.seconds)
        for side, leg in self._legs.items():
            pairs = matched(conversation.requests, leg.take())
            for sent, got in pairs:
                self._compare_request(conversation.kind, side, sent, got)
            for why in leg.broken:
                self._note(conversation.kind, side.value, why)
            leg.broken.clear()
            if side is Side.LEGACY:
                self._compare_answers(conversation, dict(pairs), answers)
                for _, got in pairs:
                    if got is not None:
                        self._expect(got)
        for leg in self._legs.values():
            leg.said.clear()

    def finish(self) -> None:
        """Compare what was recorded with what was sent: each exchange once, and nothing else."""
        missing = self._expected - Counter(self._recorded)
        surplus = Counter(self._recorded) - self._expected
        if missing or surplus:
            what = f"{missing.total()} exchanges not recorded as they were"
            examples = (repr(next(iter(one), None)).encode() for one in (missing, surplus))
            self._note("all", "record", what, *examples)

    def _expect(self, raw: bytes) -> None:
        """Note the exchange that must be recorded for the request *raw*, as legacy got it."""
        said = [leg.said[raw] for leg in self._legs.values() if raw in leg.said]
        request = request_of(raw)
        responses = tuple(response_of(one, request.method) for one in said)
        self._expected[request, *responses] += 1

    def _compare_request(
        self, kind: str, side: Side, sent: bytes | None, got: bytes | None
    ) -> None:
        if sent is None or got is None:
            what = "a request that nobody sent" if sent is None else "a request that never came"
            self._note(kind, side.value, what, sent or b"", got or b"")
            return
        for change in request_changes(sent, got):
            if is_documented(change, PEER):
                self.report.documented[f"{side.value}: X-Forwarded-For"] += 1
            else:
                self.report.change(kind, side.value, change)

    def _compare_answers(
        self,
        conversation: Conversation,
        pairs: dict[bytes | None, bytes | None],
        answers: list[bytes | None],
    ) -> None:
        for raw, heard in zip(conversation.requests, answers, strict=True):
            said = self._legs[Side.LEGACY].said.get(pairs.get(raw) or b"")
            if said is None or heard is None:
                what = "no answer" if heard is None else "an answer that legacy never gave"
                self._note(conversation.kind, "client", what, said or b"", heard or b"")
                continue
            for change in response_changes(said, heard):
                self.report.change(conversation.kind, "client", change)

    def _note(
        self, kind: str, place: str, what: str, before: bytes = b"", after: bytes = b""
    ) -> None:
        self.report.differences.append(EchoDifference(kind, place, what, before, after))


def _recorded(exchange: Exchange) -> Recorded:
    outcomes = (exchange.legacy, exchange.candidate)
    answers = (one.response for one in outcomes if isinstance(one, Answered))
    return exchange.request, *answers
