"""What goes through the proxy is what comes out of it, byte for byte: 7,000 requests to two sides.

``fixtures/captured-requests.http.xz`` holds 5,000 requests as real client libraries sent them
(browser, Python, Node, Go and the dialects of 2011), in a row, with made-up people and tokens.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from pyingest.message import Request, Response
from shadow.doctor import echo as echoing
from shadow.doctor.conversation import Conversation
from shadow.doctor.echo import SECONDS, echo
from shadow.doctor.echoclient import EchoClient, EchoClientProtocol
from shadow.doctor.echoleg import EchoLeg, EchoLegProtocol
from shadow.doctor.echoreport import EchoReport, echo_lines
from shadow.doctor.framing import request_head
from shadow.doctor.oddrequests import odd_conversations
from shadow.doctor.parsing import request_of
from shadow.doctor.proxied import Proxied
from shadow.doctor.rawcorpus import CorpusError, read_corpus
from shadow.exchange import Answered, Exchange, Side
from shadow.lines import exchange_line
from shadow.recording import RunWriter
from shadow.relaying import onward
from shadow.runs.manifest import Manifest

reactor: Any = installed
CAPTURED = Path(__file__).parent / "fixtures" / "captured-requests.http.xz"
CLIENTS = Path(__file__).parent.parent / "clients" / "fixtures"
FEW = tuple(odd_conversations(7, 40))
HELLO = b"GET /track HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n"


class EchoTests(TestCase):
    """Over real sockets, on loopback."""

    timeout = 110

    async def heard(self, conversations: Iterable[Conversation]) -> EchoReport:
        report = await echo(reactor, conversations)
        print("\n".join(echo_lines(report)))
        return report

    async def test_five_thousand_captured_requests_come_out_as_they_went_in(self) -> None:
        corpus = read_corpus(CAPTURED)
        report = await self.heard(corpus.conversations)
        self.assertEqual((report.requests.total(), corpus.left_out), (5000, 0))
        self.assertEqual(report.differences, [])
        self.assertEqual(report.documented.total(), 0)  # a front had named the client already

    async def test_two_thousand_odd_requests_come_out_as_they_went_in(self) -> None:
        report = await self.heard(odd_conversations(20111, 2000))
        self.assertEqual(report.requests.total(), 2000)
        self.assertEqual(report.differences, [])
        self.assertGreater(len(report.requests), 12)
        self.assertGreater(report.documented.total(), 2000)

    async def test_requests_of_every_client_library_come_out_as_they_went_in(self) -> None:
        paths = sorted(CLIENTS.glob("*.http"))
        found = [one for path in paths for one in read_corpus(path).conversations]
        report = await self.heard(found)
        self.assertEqual((report.requests.total(), report.differences), (len(paths), []))
        self.assertGreater(len(paths), 30)

    def tamper(self, receiver: type[Protocol], before: bytes, after: bytes) -> None:
        """Change what *receiver* gets, as a proxy in front of it would that changes bytes."""
        received: Any = receiver.dataReceived

        def changed(self: Protocol, data: bytes) -> None:
            received(self, data.replace(before, after))

        self.patch(receiver, "dataReceived", changed)

    async def test_a_proxy_that_changes_a_header_is_found_out(self) -> None:
        self.tamper(EchoLegProtocol, b"X-A:", b"x-a:")
        report = await self.heard([Conversation("one", (HELLO,))])
        found = {
            (one.place, one.what, one.before, one.after)
            for one in report.differences
            if one.place != "record"  # which tells what left the proxy
        }
        self.assertEqual(
            found,
            {(side, "header", b"X-A: b", b"x-a: b") for side in ("legacy", "candidate")},
        )

    async def test_a_proxy_that_names_another_client_is_found_out(self) -> None:
        self.tamper(EchoLegProtocol, b"127.0.0.1", b"192.0.2.1")
        report = await self.heard([Conversation("one", (HELLO,))])
        lies = {one.after for one in report.differences if one.place != "record"}
        self.assertEqual(lies, {b"X-Forwarded-For: 192.0.2.1"})

    async def test_a_proxy_that_changes_an_answer_is_found_out(self) -> None:
        self.tamper(EchoClientProtocol, b"legacy", b"LEGACY")
        report = await self.heard(FEW)
        self.assertEqual({one.place for one in report.differences}, {"client"})

    async def test_a_proxy_that_answers_with_the_candidate_is_found_out(self) -> None:
        self.tamper(EchoClientProtocol, b"legacy", b"candidate")
        report = await self.heard(FEW)
        self.assertIn("client", {one.place for one in report.differences})

    async def test_the_address_of_a_public_client_is_added_behind_those_that_are_told(self) -> None:
        self.patch(onward, "is_private", lambda peer: False)
        captured = read_corpus(CAPTURED).conversations[:200]
        report = await self.heard([*captured, *odd_conversations(11, 200)])
        self.assertEqual(report.differences, [])
        self.assertEqual(report.documented.total(), 800)

    async def test_a_request_that_is_refused_is_found_out(self) -> None:
        refused = b"PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"
        report = await self.heard([Conversation("one", (refused,)), Conversation("two", (HELLO,))])
        self.assertFalse(report.is_clean)
        self.assertIn("a request that never came", {one.what for one in report.differences})

    async def test_a_record_that_is_not_what_was_sent_is_found_out(self) -> None:
        def otherwise(raw: bytes) -> Request:
            return replace(request_of(raw), target=b"/other")

        self.patch(echoing, "request_of", otherwise)
        report = await self.heard([Conversation("one", (HELLO,))])
        self.assertEqual({one.place for one in report.differences}, {"record"})

    async def test_many_clients_at_once_get_each_their_own_answers(self) -> None:
        legs = {side: EchoLeg(side) for side in Side}
        listening = [leg.listen(reactor) for leg in legs.values()]
        for leg in legs.values():
            leg.may_close = False
        kept: list[Exchange] = []
        ports = [leg.port for leg in legs.values()]
        proxied = Proxied(reactor, ports[0], ports[1], kept.append)
        said = [list(odd_conversations(seed, 60)) for seed in range(40)]
        try:
            coming = [Deferred.fromCoroutine(conversed(proxied.port, one)) for one in said]
            answers = [answer for one in await gatherResults(coming) for answer in one]
            self.assertTrue(await proxied.settle(SECONDS))
        finally:
            await proxied.stop()
            for one in listening:
                await maybeDeferred(one.stopListening)
        sent = [raw for one in said for conversation in one for raw in conversation.requests]
        self.assertEqual(len(kept), len(sent))
        onwards = [with_address(raw) for raw in sent]
        for leg in legs.values():
            self.assertEqual(Counter(leg.got), Counter(onwards))
        for raw, answer in zip(onwards, answers, strict=True):
            self.assertEqual(answer, legs[Side.LEGACY].said[raw])


def with_address(raw: bytes) -> bytes:
    """Return *raw* as a side gets it from a client of this machine."""
    head = request_head(raw)
    if head is None or head.values(b"x-forwarded-for"):
        return raw
    return raw[: head.size - 2] + b"X-Forwarded-For: 127.0.0.1\r\n" + raw[head.size - 2 :]


async def conversed(port: int, conversations: Iterable[Conversation]) -> list[bytes | None]:
    """Return the answers that one client gets."""
    client = EchoClient(reactor, port, SECONDS)
    answers = [answer for one in conversations for answer in await client.converse(one)]
    await client.close()
    return answers


def test_the_same_seed_makes_the_same_conversations() -> None:
    first, second = (list(odd_conversations(3, 300)) for _ in range(2))
    assert first == second
    assert sum(len(one.requests) for one in first) == 300
    assert first != list(odd_conversations(4, 300))


def test_the_pieces_of_a_conversation_are_all_of_its_bytes() -> None:
    for conversation in odd_conversations(3, 500):
        assert b"".join(conversation.pieces()) == b"".join(conversation.requests)
        assert all(conversation.pieces())


def test_a_report_of_nothing_is_not_clean() -> None:
    assert not EchoReport().is_clean
    assert "nothing was sent" in echo_lines(EchoReport())[0]


REQUEST = Request(b"POST", b"/track", ((b"Host", b"x"), (b"Content-Length", b"2")), b"hi")
BROKEN = Request(b"GET", b"/track", ((b"Bad Name", b"x"),))
ONE = Answered(Response(200, b"OK", (), b"1"), 0.001)


def test_a_run_is_a_corpus(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0))
    for number, request in enumerate((REQUEST, BROKEN), 1):
        writer.add_exchange(Exchange(number, 1.0, request, ONE, ONE))
    writer.close({}, {})
    corpus = read_corpus(tmp_path / "run")
    assert [one.requests for one in corpus.conversations] == [(REQUEST.encode(),)]
    assert corpus.left_out == 1


def test_lines_of_a_capture_are_a_corpus(tmp_path: Path) -> None:
    line = exchange_line(Exchange(1, 1.0, REQUEST, ONE, ONE))
    (tmp_path / "capture.jsonl").write_bytes(line + b"\n" + line + b"\n")
    corpus = read_corpus(tmp_path / "capture.jsonl")
    assert [one.requests for one in corpus.conversations] == [(REQUEST.encode(),)] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HELLO + b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhi", "byte 40: the last request"),
        (HELLO + b"nonsense\r\n\r\n", "byte 40: a first line that is none"),
        (b'{"t": 1}\n', "line 1: no request"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_what_is_no_corpus_is_said_with_its_place(
    content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "corpus").write_bytes(content)
    with pytest.raises(CorpusError, match=said):
        read_corpus(tmp_path / "corpus")
