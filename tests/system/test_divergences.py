"""Each known divergence, sent to the Erlang server and to the strict profile: is it recognised?

``fixtures/divergent-requests.jsonl`` holds a request a line. ``differs`` are the kinds of
difference between the two outcomes, ``quirks`` the names of what explains them, checked by hand;
``null`` among them stands for what has to stay unknown. In a row without either nothing may be
found.
"""

import base64
import binascii
import http.client
import json
import socket
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.stages.tally import Summary
from compare.testing import recorded
from pyingest.ingest import ingest
from pyingest.message import Headers, Request, Response
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from pyingest.wire.requestreader import Arrived, Malformed, RequestReader
from pyingest.wire.term import Term, Unreadable
from replay.legacy import Erlang
from shadow.exchange import Answered, Exchange, Failed, Failure, Outcome, Side, TappedEvent
from tests.system.twins import Queued, Server, legacy_server

pytestmark = pytest.mark.erlang

QUEUES = ("events", "profiles")
PLAIN = [("Host", "a.example")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


@dataclass(frozen=True)
class Row:
    """One request, and what is known about it."""

    id: str
    what: str
    request: Request
    differs: list[str]
    quirks: set[str | None]


def rows() -> list[Row]:
    lines = (Path(__file__).parent / "fixtures" / "divergent-requests.jsonl").read_text()
    return [row(json.loads(line)) for line in lines.splitlines()]


def row(told: dict[str, Any]) -> Row:
    body = base64.b64decode(told.get("body", ""))
    if "deflated" in told:
        body = zlib.decompress(base64.b64decode(told["deflated"]))
    form = [*PLAIN, *FORM, ("Content-Length", str(len(body)))]
    headers = told.get("headers", form if told["method"] == "POST" else PLAIN)
    target = told["target"].encode("latin-1")
    version = told.get("version", "1.1").encode()
    request = Request(told["method"].encode(), target, encoded(headers), body, version)
    return Row(
        told["id"], told["what"], request, told.get("differs", []), set(told.get("quirks", []))
    )


def encoded(headers: Iterable[Sequence[str]]) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


class Legacy:
    """The Erlang server, one connection a request, and the queue behind it."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._sink = server.sink

    def outcome(self, request: Request) -> tuple[Outcome, Queued]:
        with socket.create_connection(self._address, 10) as connection:
            try:
                connection.sendall(request.encode())
                answer = http.client.HTTPResponse(connection, method=request.method.decode())
                answer.begin()
                body = answer.read()
            except (http.client.HTTPException, OSError) as error:
                return Failed(Failure.RESET, str(error), 0.001), self._sink.taken()
            headers = tuple(
                (k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.getheaders()
            )
            response = Response(answer.status, answer.reason.encode(), headers, body)
            answer.close()
        return Answered(response, 0.001), self._sink.taken()


@pytest.fixture(scope="module")
def legacy(erlang: Erlang, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Legacy]:
    with legacy_server(erlang, tmp_path_factory.mktemp("legacy")) as server:
        yield Legacy(server)


def candidate(request: Request, profile: Profile) -> tuple[Outcome, Queued]:
    """Return what *profile* makes of *request*, its own reader in front."""
    [*_, received] = RequestReader().feed(request.encode())
    if isinstance(received, Malformed):
        refusal = Response(received.status, received.reason.encode(), (), b"")
        return Answered(refusal, 0.001), ()
    assert isinstance(received, Arrived)
    decision = ingest(received.request, "127.0.0.1", time.time(), profile, Routes(*QUEUES))
    events = tuple((event.queue, event.body) for event in decision.events)
    return Answered(decision.stored, 0.001), events


def compared(
    directory: Path, legacy: Legacy, requests: Iterable[Request], profile: Profile = STRICT
) -> Summary:
    """Return the summary of a run of *requests*, the Erlang server on the legacy side."""
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number, request in enumerate(requests, 1):
        at = time.time()
        outcomes = []
        for side, (outcome, queued) in (
            (Side.LEGACY, legacy.outcome(request)),
            (Side.CANDIDATE, candidate(request, profile)),
        ):
            outcomes.append(outcome)
            events += [
                TappedEvent(side, queue, len(events) + place, at, body)
                for place, (queue, body) in enumerate(queued)
            ]
        exchanges.append(Exchange(number, at, request, outcomes[0], outcomes[1]))
    return summarise(recorded(directory, exchanges, events), Rules())


def test_each_divergence_is_recognised(
    legacy: Legacy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = rows()
    wrong: list[str] = []
    differing: Counter[bool] = Counter()
    for row in known:
        found = compared(tmp_path / row.id, legacy, [row.request])
        quirks = {cause.quirk for cause in found.causes}
        if (sorted(found.kinds), quirks) != (row.differs, row.quirks):
            wrong.append(f"{row.id} ({row.what}): {sorted(found.kinds)}, {quirks}, not {row}")
        if quirks:
            differing[None not in quirks] += 1
    with capsys.disabled():
        total = differing.total()
        print(f"[{len(known)} compared, {total} differ, {differing[True]} recognised]", end=" ")
    assert not wrong, "\n".join(wrong[:12])


def test_in_one_run_they_are_told_apart(legacy: Legacy, tmp_path: Path) -> None:
    known = [row for row in rows() if row.quirks]
    found = compared(tmp_path / "run", legacy, [row.request for row in known])
    quirks = {cause.quirk for cause in found.causes}
    assert quirks - {None} == set().union(*(row.quirks for row in known)) - {None}
    # Those that legacy does not answer at all are shown, and held against nobody.
    assert found.differed + found.units.set_aside == len(known)


def as_bytes(data: bytes) -> Term | Unreadable:
    """Read as ``json.loads`` does what it is given as bytes: any encoding, surrogates allowed."""
    try:
        return json.loads(data)
    except ValueError as error:
        return Unreadable(str(error))


def written(term: Term) -> bytes | None:
    return json.dumps(term, separators=(",", ":")).encode()


def url_safe(data: bytes) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(data)
    except binascii.Error:
        return None


def validated(data: bytes) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return None


JSON_OF_BYTES = replace(STRICT, decode=as_bytes, encode=written)
EVENT = '{"event":"e","properties":{"token":"T","time":5,"a":@}}'


def sent(text: bytes) -> Request:
    """Return a POST with *text* as the ``data`` parameter."""
    body = b"data=" + quote_from_bytes(text, "").encode()
    headers = encoded([*PLAIN, *FORM, ("Content-Length", str(len(body)))])
    return Request(b"POST", b"/track", headers, body)


def coded(text: bytes) -> bytes:
    """Return *text* in base64, blanks at its end instead of padding."""
    return base64.b64encode(text + b" " * (-len(text) % 3))


def event(value: str, encoding: str = "utf-8") -> bytes:
    return EVENT.replace("@", value).encode(encoding, "surrogatepass")


PORTS = {
    "CESU-8": (JSON_OF_BYTES, coded(event('"\ud83d\ude00"')), "extra"),
    "CESU-8, half a character": (JSON_OF_BYTES, coded(event('"ab\ud83d"')), "extra"),
    "byte order mark": (JSON_OF_BYTES, coded(b"\xef\xbb\xbf" + event("1")), "extra"),
    "byte order mark, UTF-16": (JSON_OF_BYTES, base64.b64encode(event("1", "utf-16")), "extra"),
    "URL-safe base64": (
        replace(STRICT, base64=url_safe),
        coded(event('"~~??>>"')).translate(bytes.maketrans(b"+/", b"-_")),
        "extra",
    ),
    "number out of range": (JSON_OF_BYTES, event("1E400"), "extra"),
    "number out of range, a word": (JSON_OF_BYTES, event("[-Infinity]"), "extra"),
    "base64 blanks": (replace(STRICT, base64=validated), coded(event("1")) + b"\r\n", "missing"),
}


@pytest.mark.parametrize(("name", "case"), PORTS.items(), ids=PORTS)
def test_other_ports_show_what_the_strict_profile_does_not(
    name: str, case: tuple[Profile, bytes, str], legacy: Legacy, tmp_path: Path
) -> None:
    profile, data, kind = case
    found = compared(tmp_path / "run", legacy, [sent(data)], profile)
    assert found.kinds[kind] == 1
    assert {cause.quirk for cause in found.causes} == {name.partition(",")[0]}


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1])
def test_legacy_reads_one_mebibyte_and_no_byte_more(
    size: int, legacy: Legacy, tmp_path: Path
) -> None:
    start = sent(event("1")).body + b"&z="
    body = start + b"x" * (size - len(start))
    headers = encoded([*PLAIN, *FORM, ("Content-Length", str(size))])
    found = compared(tmp_path / "run", legacy, [Request(b"POST", b"/track", headers, body)])
    over = size > 1 << 20
    assert {cause.quirk for cause in found.causes} == ({"large body"} if over else set())
    assert found.kinds == ({"extra": 1, "no_answer": 1} if over else {})


@pytest.mark.parametrize("size", [8192, 8193])
def test_legacy_reads_a_request_line_of_8_kib_and_no_byte_more(
    size: int, legacy: Legacy, tmp_path: Path
) -> None:
    target = b"/track?" + sent(event("1")).body + b"&z="
    target += b"x" * (size - len(target) - len(b"GET  HTTP/1.1\r\n"))
    found = compared(tmp_path / "run", legacy, [Request(b"GET", target, encoded(PLAIN))])
    quirks = {cause.quirk for cause in found.causes}
    assert quirks == ({"long request line"} if size > 8192 else set())


@pytest.mark.parametrize("size", [8191, 8192])
def test_legacy_reads_a_header_line_of_8191_bytes_and_no_more(
    size: int, legacy: Legacy, tmp_path: Path
) -> None:
    target = b"/track?" + sent(event("1")).body
    cookie = "x" * (size - len("Cookie: \r\n"))
    request = Request(b"GET", target, encoded([*PLAIN, ("Cookie", cookie)]))
    found = compared(tmp_path / "run", legacy, [request])
    quirks = {cause.quirk for cause in found.causes}
    assert quirks == ({"long header line"} if size > 8191 else set())


def test_an_oddity_is_not_blamed_for_a_value_that_changed(legacy: Legacy, tmp_path: Path) -> None:
    def other(term: Term) -> bytes | None:
        written = MOCHIWEB.encode(term)
        return written and written.replace(b'"a":1', b'"a":2')

    requests = [sent(event("1").replace(b"}}", b",}}")), sent(event('1,"b":"x\ty"'))]
    found = compared(tmp_path / "run", legacy, requests, replace(MOCHIWEB, encode=other))
    assert found.kinds == {"value_number": 2}
    assert [cause.quirk for cause in found.causes] == [None]


def test_an_oddity_is_not_blamed_for_an_event_that_was_dropped(
    legacy: Legacy, tmp_path: Path
) -> None:
    """A flaw of the candidate's own, in a request whose oddity it reads well."""
    nothing = replace(MOCHIWEB, encode=lambda term: None)
    requests = [sent(coded(event('"\u00e9"'))), sent(event("-0.0"))]
    found = compared(tmp_path / "run", legacy, requests, nothing)
    assert found.kinds["missing"] == 2
    assert {cause.quirk for cause in found.causes} == {None}
