"""One request's way: what each limit answers, what is stored, what observers see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pyingest.event import Event
from pyingest.ingest import Decision, ingest
from pyingest.message import Request, Response
from pyingest.queues.interface import Outcome
from pyingest.routing import Routes
from pyingest.serving.logs import Log, token_hash
from pyingest.serving.metrics import Counters, Sample
from pyingest.serving.observing import AccessLog, Refusals, RequestCounts, StoreFailures
from pyingest.serving.parts import Observed
from pyingest.serving.probes import LastOutcome, Probes
from pyingest.serving.ratelimit import RateLimiter, Rates
from pyingest.serving.service import Parts, Service
from pyingest.serving.tokens import access, token_of
from pyingest.testing import ScriptedQueue
from pyingest.wire.profile import MOCHIWEB

NOW = 1311111111.0


def event(token: str) -> bytes:
    return b'{"event":"e","properties":{"token":"%b"}}' % token.encode()


def track(*tokens: str, more: bytes = b"") -> Request:
    data = b"[%b]" % b",".join(event(token) for token in tokens)
    return Request(b"GET", b"/track?data=%b%b" % (data.replace(b'"', b"%22"), more))


def classic(request: Request, peer: str, now: float) -> Decision:
    return ingest(request, peer, now, MOCHIWEB, Routes())


class Upper:
    """An aliasing stage that can be seen to have been there."""

    def resolve(self, events: Sequence[Event]) -> Sequence[Event]:
        return [Event(one.queue, one.body.upper(), one.key, one.id) for one in events]


class Notebook:
    def __init__(self) -> None:
        self.seen: list[Observed] = []

    def observe(self, seen: Observed) -> None:
        self.seen.append(seen)


class ServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue = ScriptedQueue()
        self.notebook = Notebook()
        self.time = 100.0
        self.defects: list[Exception] = []

    def service(self, **parts: Any) -> Service:
        made = Parts(
            contract=parts.pop("contract", classic),
            publish=self.queue.publish,
            now=lambda: NOW,
            clock=lambda: self.time,
            observers=[self.notebook],
            report=self.defects.append,
            **parts,
        )
        return Service(made)

    def ask(self, service: Service, request: Request) -> bytes:
        answer = Deferred.fromCoroutine(service.answer(request, "192.0.2.1"))
        return self.successResultOf(answer).data

    def test_what_is_stored_is_answered_and_seen(self) -> None:
        data = self.ask(self.service(), track("A", "B"))
        assert data.endswith(b"\r\n\r\n1")
        (seen,) = self.notebook.seen
        assert (seen.endpoint, seen.status, seen.turned_away) == ("track", 200, "")
        assert list(seen.outcomes) == [Outcome.STORED] * 2

    def test_the_aliasing_stage_comes_before_the_queue(self) -> None:
        self.ask(self.service(aliasing=Upper()), track("a"))
        assert b'"TOKEN":"A"' in self.queue.events[0].body

    def test_one_request_too_many_at_once_hears_503_in_its_dialect(self) -> None:
        service = self.service(at_once=1)
        self.queue.hold()
        first = Deferred.fromCoroutine(service.answer(track("A"), "192.0.2.1"))
        data = self.ask(service, track("A"))
        assert data.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in data
        assert data.endswith(b"\r\n\r\n0")
        verbose = self.ask(service, track("A", more=b"&verbose=1"))
        assert verbose.endswith(b'{"error":"a temporary failure occurred","status":0}')
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in verbose
        self.queue.release()
        assert self.successResultOf(first).data.endswith(b"1")
        assert self.ask(service, track("A")).endswith(b"1")

    def test_a_project_too_fast_hears_503_and_others_nothing_of_it(self) -> None:
        service = self.service(limiter=RateLimiter(Rates(rate=1, burst=1)))
        assert self.ask(service, track("A")).endswith(b"1")
        data = self.ask(service, track("A", more=b"&verbose=1"))
        assert data.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1" in data
        assert data.endswith(b'{"error":"rate limit exceeded, retry later","status":0}')
        head, _, body = data.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % len(body) in head
        assert self.ask(service, track("B")).endswith(b"1")
        assert len(self.queue.events) == 2
        assert self.notebook.seen[1].turned_away == "rate"

    def test_only_strict_import_hears_429(self) -> None:
        def modern(request: Request, peer: str, now: float) -> Decision:
            found = classic(track("A"), peer, now)
            return replace(found, tokens=("A",))

        service = self.service(contract=modern, limiter=RateLimiter(Rates(rate=1, burst=1)))
        self.ask(service, Request(b"POST", b"/import?strict=1"))
        data = self.ask(service, Request(b"POST", b"/import?strict=1"))
        assert data.startswith(b"HTTP/1.1 429 ")
        assert b'"code":429' in data
        data = self.ask(service, Request(b"POST", b"/import?strict=0"))
        assert data.startswith(b"HTTP/1.1 503 ")

    def test_denied_projects_are_left_out_and_told_when_alone(self) -> None:
        service = self.service(access=access((), ("B",)))
        assert self.ask(service, track("A", "B")).endswith(b"1")
        assert [token_of(one.body) for one in self.queue.events] == ["A"]
        data = self.ask(service, track("B", more=b"&verbose=1"))
        assert data.startswith(b"HTTP/1.1 200 ")
        assert data.endswith(b'{"error":"token, not allowed","status":0}')
        assert [one.reason for one in self.notebook.seen[0].decision.rejected] == [
            "token, not allowed"
        ]

    def test_an_allow_list_leaves_nobody_else_in(self) -> None:
        service = self.service(access=access(("A",), ()))
        assert self.ask(service, track("A")).endswith(b"1")
        assert self.ask(service, track("C")).endswith(b"0")

    def test_a_defect_is_answered_500_and_reported(self) -> None:
        def broken(request: Request, peer: str, now: float) -> Decision:
            raise ZeroDivisionError

        service = self.service(contract=broken)
        data = self.ask(service, track("A"))
        assert data.startswith(b"HTTP/1.1 500 ")
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in data
        assert [type(error) for error in self.defects] == [ZeroDivisionError]
        assert service.in_flight == 0

    def test_an_observer_that_fails_changes_no_answer(self) -> None:
        service = self.service()
        self.notebook.seen = ()  # type: ignore[assignment]  # appending to that fails
        assert self.ask(service, track("A")).endswith(b"1")
        assert [type(error) for error in self.defects] == [AttributeError]

    def test_probes_are_told_apart_from_requests(self) -> None:
        problem = ""
        probes = Probes(lambda: problem)
        service = self.service(probes=probes)
        assert self.ask(service, Request(b"GET", b"/health?x")).endswith(b"ok")
        assert self.ask(service, Request(b"GET", b"/ready")).startswith(b"HTTP/1.1 200 ")
        problem = "the disk is full"
        data = self.ask(service, Request(b"GET", b"/ready"))
        assert data.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in data
        assert data.endswith(b"the disk is full")
        probes.draining = True
        assert self.ask(service, Request(b"GET", b"/ready")).endswith(b"draining")
        assert self.ask(service, Request(b"GET", b"/healthy")).startswith(b"HTTP/1.1 404 ")
        assert [seen.endpoint for seen in self.notebook.seen] == ["other"]

    def test_a_bad_outcome_makes_unready_for_some_seconds(self) -> None:
        self.queue = ScriptedQueue([Outcome.REFUSED])
        service = self.service()
        last = LastOutcome(lambda: self.time)
        self.ask(service, track("A"))
        last.observe(self.notebook.seen[-1])
        assert last.problem() == "queue: refused"
        self.time += 6
        assert last.problem() == ""


class ObserverTests(SynchronousTestCase):
    def seen(self, *outcomes: Outcome, away: str = "") -> Observed:
        request = Request(b"GET", b"/track?data=secret")
        decision = classic(request, "192.0.2.1", NOW)
        return Observed(
            "192.0.2.1",
            "track",
            request.method,
            b"/track",
            b"data=secret",
            18,
            200,
            decision,
            outcomes,
            0.002,
            away,
        )

    def test_requests_events_and_limits_are_counted(self) -> None:
        counters = Counters([1.0])
        counts = RequestCounts(counters)
        counts.observe(self.seen(Outcome.STORED, Outcome.STORED, Outcome.FULL))
        counts.observe(self.seen(away="rate"))
        found = counters.samples()
        path = ("endpoint", "track")
        assert Sample("mixmigrate_requests_total", (path, ("status", "200")), 2) in found
        assert Sample("mixmigrate_events_total", (path, ("outcome", "stored")), 2) in found
        assert Sample("mixmigrate_events_total", (path, ("outcome", "full")), 1) in found
        assert Sample("mixmigrate_turned_away_total", (("limit", "rate"),), 1) in found

    def test_no_payload_reaches_the_log(self) -> None:
        lines: list[bytes] = []
        log = Log(lines.append, lambda: NOW)
        for observer in (AccessLog(log, "truncate"), StoreFailures(log), Refusals(log)):
            observer.observe(self.seen(Outcome.TIMED_OUT))
        text = b"".join(lines)
        assert b"secret" not in text
        assert b'"path":"/track"' in text
        assert b'"peer":"192.0.2.0"' in text
        assert b'"timed out":1' in text

    def test_a_project_that_is_turned_away_is_named_by_its_hash(self) -> None:
        lines: list[bytes] = []
        decision = Decision((), Response(200), Response(200), tokens=("secret",))
        Refusals(Log(lines.append, lambda: NOW)).observe(
            replace(self.seen(away="rate"), decision=decision)
        )
        (line,) = lines
        assert b"secret" not in line
        assert token_hash("secret").encode() in line


class TokenTests(SynchronousTestCase):
    def test_the_token_of_any_message_is_found_or_empty(self) -> None:
        assert token_of(event("A")) == "A"
        assert token_of(b'{"$token":"B","$set":{}}') == "B"
        assert token_of(b'{"$token":7}') == "7"
        for bad in (b"", b"[]", b"{", b'{"properties":3}', b"[" * 100_000, b"\xff"):
            assert token_of(bad) == ""
