"""The profile ``mochiweb`` against the Erlang server: status, body, headers, queue messages.

Each request goes to the server over a socket, and through the request reader to ``ingest``.
"""

import base64
import http.client
import json
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes, urlencode

import pytest

from pyingest.ingest import ingest
from pyingest.message import Headers, Request, header
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB
from pyingest.wire.requestreader import BAD_REQUEST, Arrived, RequestReader
from replay.legacy import Erlang
from tests.system.twins import Server, legacy_server

pytestmark = pytest.mark.erlang

FIXTURES = Path(__file__).parent / "fixtures"
TABLES = {
    name: [text.encode("latin-1") for text in texts]
    for name, texts in json.loads((FIXTURES / "tables.json").read_text()).items()
}
HEADERS = (
    "content-type",
    "cache-control",
    "allow",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
)
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
QUEUES = ("events", "profiles")
ROUTES = Routes(*QUEUES)
Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Effect:
    """What one request led to."""

    status: int
    headers: dict[str, str]
    body: bytes
    events: list[tuple[str, bytes]]


class Legacy:
    """The Erlang server, one connection, and the queue behind it."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._sink = server.sink
        self._connection: socket.socket | None = None

    def effect(self, request: Request) -> Effect:
        """Return what *request* led to. A server that hangs up without a word has status 0."""
        if self._connection is None:
            self._connection = socket.create_connection(self._address, 10)
        self._connection.sendall(request.encode())
        answer = http.client.HTTPResponse(self._connection, method=request.method.decode())
        try:
            answer.begin()
            body = answer.read()
        except (http.client.HTTPException, OSError):
            self.close()
            return Effect(0, {}, b"", self._taken())
        if answer.will_close:
            self.close()
        answer.close()
        seen = {name: value for name in HEADERS if (value := answer.headers[name]) is not None}
        return Effect(answer.status, seen, body, self._taken())

    def _taken(self) -> list[tuple[str, bytes]]:
        return list(self._sink.taken())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@pytest.fixture(scope="module")
def legacy(erlang: Erlang, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Legacy]:
    with legacy_server(erlang, tmp_path_factory.mktemp("legacy")) as server:
        running = Legacy(server)
        yield running
        running.close()


def candidate(request: Request, now: int) -> Effect:
    """Return what the candidate makes of *request*, come from this machine at *now*."""
    [received] = RequestReader().feed(request.encode())
    arrived = received.request if isinstance(received, Arrived) else request
    decision = ingest(arrived, "127.0.0.1", now, MOCHIWEB, ROUTES)
    response = decision.stored
    seen = {
        name: value.decode("latin-1")
        for name in HEADERS
        if (value := header(response.headers, name.encode())) is not None
    }
    body = b"" if request.method == b"HEAD" else response.body
    events = [(event.queue, event.body) for event in decision.events]
    return Effect(response.status, seen, body, events)


def compared(legacy: Legacy, requests: list[tuple[str, Request]], capsys: Capture) -> None:
    """Fail with the first differences, if there are any; else tell how many rows were compared."""
    different = [row for row in requests if not same(legacy, *row)]
    with capsys.disabled():
        print(f"[{len(requests)} requests compared, {len(different)} differ]", end=" ")
    assert not different, "\n".join(explained(legacy, *row) for row in different[:12])


def same(legacy: Legacy, _: str, request: Request) -> bool:
    began = int(time.time())
    effect = legacy.effect(request)
    # The server read its clock at some moment of the call.
    return any(candidate(request, now) == effect for now in range(began, int(time.time()) + 1))


def explained(legacy: Legacy, name: str, request: Request) -> str:
    effect = legacy.effect(request)
    ours = candidate(request, int(time.time()))
    shown = request.encode()
    return f"{name}: {shown[:600]!r}\n  legacy    {effect}\n  candidate {ours}"


def payloads(kind: str) -> list[tuple[str, bytes]]:
    rows = [json.loads(line) for line in (FIXTURES / "payloads.jsonl").read_text().splitlines()]
    return [(row["id"], base64.b64decode(row["input_b64"])) for row in rows if row["kind"] == kind]


def get(target: bytes, *headers: tuple[bytes, bytes], method: bytes = b"GET") -> Request:
    return Request(method, target, ((b"Host", b"a.example"), *headers))


def post(body: bytes, path: bytes = b"/track", headers: Headers = (FORM,)) -> Request:
    length = (b"Content-Length", b"%d" % len(body))
    return Request(b"POST", path, ((b"Host", b"a.example"), *headers, length), body)


def escaped(text: bytes) -> bytes:
    return quote_from_bytes(text, safe="").encode()


def form(data: bytes, path: bytes = b"/track", *, encode: bool = True) -> Request:
    """Return a POST with *data* in a form, in base64 or as it stands."""
    value = base64.b64encode(data) if encode else data
    return post(b"data=" + escaped(value) + b"&verbose=1", path)


@pytest.mark.parametrize("encode", [True, False], ids=["base64", "plain"])
@pytest.mark.parametrize("path", [b"/track", b"/engage"])
@pytest.mark.parametrize("carrier", TABLES["carriers"])
def test_json_is_read_and_written_alike(
    legacy: Legacy, carrier: bytes, path: bytes, encode: bool, capsys: Capture
) -> None:
    rows = [
        (name, form(carrier.replace(b"@", text), path, encode=encode))
        for name, text in payloads("json")
    ]
    compared(legacy, rows, capsys)


def test_json_in_a_query_is_read_and_written_alike(legacy: Legacy, capsys: Capture) -> None:
    rows = []
    for name, text in payloads("json"):
        event = b'{"event":"e","properties":{"token":"T","v":%b}}' % text
        target = b"/track?data=" + escaped(base64.b64encode(event))
        rows.append((name, get(target[:7000])))
    compared(legacy, rows, capsys)


EVENT = b'{"event":"e","properties":{"token":"T","a":"\xc3\xa9?>~"}}'
ENCODED = base64.b64encode(EVENT)


def broken_base64() -> list[tuple[str, bytes]]:
    """Return each way in which the table breaks base64, done to an event."""
    plain = ENCODED.rstrip(b"=")
    changed = [plain + b"=" * count for count in range(5)]
    changed += [
        ENCODED[:at] + junk + ENCODED[at:]
        for at in (0, 1, 4, 6, 40, 75, len(ENCODED))
        for junk in TABLES["junk"]
    ]
    changed += [b"", b" ", b"\t\r\n ", b"e30=", b"bnVsbA==", b"W10=", b" e30 = ", b"=", b"===="]
    return [(f"event-{number}", value) for number, value in enumerate(changed)]


@pytest.mark.parametrize("way", ["form", "form, unescaped", "query"])
def test_base64_is_read_alike(legacy: Legacy, way: str, capsys: Capture) -> None:
    values = payloads("base64") + broken_base64()
    rows = []
    for name, value in values:
        text = b"verbose=1&data=" + (value if way == "form, unescaped" else escaped(value))
        rows.append((name, get(b"/track?" + text) if way == "query" else post(text)))
    compared(legacy, rows, capsys)


def is_target(text: bytes) -> bool:
    """Say whether *text* can stand in a request line that MochiWeb reads."""
    return len(text) < 7000 and all(33 <= byte < 127 for byte in text)


@pytest.mark.parametrize("place", ["before", "after", "around", "alone", "renamed"])
def test_parameters_are_split_alike(legacy: Legacy, place: str, capsys: Capture) -> None:
    data = b"data=" + escaped(ENCODED)
    rows = []
    for name, text in payloads("query"):
        query = {
            "before": text + b"&" + data + b"&verbose=1",
            "after": data + b"&verbose=1&" + text,
            "around": text + b";" + data + b";verbose=1&" + text,
            "alone": b"verbose=1&" + text,
            "renamed": text.replace(b"a", b"data", 1).replace(b"b", b"verbose", 1),
        }[place]
        rows.append((f"{name} form", post(query)))
        if is_target(query):
            rows.append((f"{name} query", get(b"/track?" + query)))
    compared(legacy, rows, capsys)


@pytest.mark.parametrize("path", [b"/track", b"/engage"])
def test_flags_are_read_alike(legacy: Legacy, path: bytes, capsys: Capture) -> None:
    item = EVENT if path == b"/track" else b'{"$token":"T","$distinct_id":5}'
    data = b"data=" + escaped(base64.b64encode(item))
    bad = b"data=e30"
    rows = [
        (f"{name!r}={value!r}", post(payload + b"&" + name + b"=" + value, path))
        for payload in (data, bad)
        for name in (b"verbose", b"ip", b"Verbose", b"%69p", b"verbose=1&ip", b"ip=0&ip")
        for value in TABLES["flags"]
    ]
    rows += [("no value", post(data + b"&verbose&ip", path)), ("twice", post(bad + b"&" + data))]
    rows += [("both", post(data, path + b"?verbose=1&data=7&ip=1"))]
    rows += [("both, empty", post(b"data=&verbose=0", path + b"?verbose=1&" + data))]
    compared(legacy, rows, capsys)


def test_checks_are_made_in_the_same_order(legacy: Legacy, capsys: Capture) -> None:
    values = [None, True, False, 0, 1, 1.5, "", "x", " ", [], ["x"], {}, {"token": "T"}, "\u00e9"]
    tracked: list[dict[str, object]] = [{}]
    engaged: list[dict[str, object]] = [{}]
    for value in values:
        tracked += [{"event": value, "properties": {"token": "T"}}]
        tracked += [{"event": "e", "properties": value}]
        tracked += [{"event": "e", "properties": {"token": value}}]
        tracked += [{"event": "e", "properties": {"ip": value, "token": "T", "time": value}}]
        engaged += [{"$token": value}, {"$token": value, "$distinct_id": "d"}]
        engaged += [{"$token": "T", "$distinct_id": value}]
        engaged += [{"$token": "T", "$distinct_id": 1, "$ip": value, "$time": value}]
    rows = []
    for path, items in ((b"/track", tracked), (b"/engage", engaged)):
        for item in items:
            alone, batch = json.dumps(item), json.dumps([item, 7, items[-1], items[0]])
            for text in (alone, batch):
                body = urlencode({"data": text, "verbose": "1", "ip": "1"}).encode()
                rows.append((text, post(body, path)))
    compared(legacy, rows, capsys)


def test_the_address_is_found_alike(legacy: Legacy, capsys: Capture) -> None:
    target = b"/track?verbose=1&ip=1&data=" + escaped(ENCODED)
    name = b"X-Forwarded-For"
    rows = [(repr(value), get(target, (name, value))) for value in TABLES["forwarded"]]
    rows += [
        ("two lines", get(target, (name.lower(), b"1.1.1.1"), (name, value)))
        for value in (b"2.2.2.2", b"", b"3.3.3.3, 4.4.4.4")
    ]
    rows += [("other", get(target, (b"X-Real-IP", b"1.1.1.1"), (b"Forwarded", b"for=1.1.1.1")))]
    compared(legacy, rows, capsys)


@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"get", b"FOO"])
def test_paths_and_methods_lead_alike(legacy: Legacy, method: bytes, capsys: Capture) -> None:
    query = b"verbose=1&data=" + escaped(ENCODED)
    rows = []
    for path in TABLES["paths"]:
        if path:
            rows.append((path.decode(), get(path, method=method)))
        rows.append((path.decode() + "?", get((path or b"/") + b"?" + query, method=method)))
    rows += [("fragment", get(b"/track?" + query + b"#x", method=method))]
    rows += [("two marks", get(b"/track??" + query + b"?a", method=method))]
    compared(legacy, rows, capsys)


@pytest.mark.parametrize("line", [b"get /track?", b"FOO /track?", b"POST track?"])
def test_what_the_reader_refuses_was_never_an_event(legacy: Legacy, line: bytes) -> None:
    method, _, path = line.partition(b" ")
    request = get(path + b"data=" + escaped(ENCODED), method=method)
    assert RequestReader().feed(request.encode()) == [BAD_REQUEST]
    effect = legacy.effect(request)
    assert effect.status in (404, 405)
    assert effect.events == []


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"PUT"])
def test_pages_of_other_origins_are_answered_alike(
    legacy: Legacy, method: bytes, capsys: Capture
) -> None:
    asked = b"Access-Control-Request-Headers"
    many: list[Headers] = [(), ((b"Origin", b"http://a.example"),), ((b"origin", b"null"),)]
    many += [((b"Origin", b"http://a.example"), (asked, b"X-A, X-B")), ((asked, b"x"),)]
    many += [((b"Origin", b""),), ((asked, b""),), ((b"Origin", b"a"), (b"Origin", b"b"))]
    rows = [
        (repr(headers), get(path, *headers, method=method))
        for headers in many
        for path in (b"/track", b"/nowhere")
    ]
    compared(legacy, rows, capsys)


def test_bodies_count_by_their_type_alike(legacy: Legacy, capsys: Capture) -> None:
    body = b"verbose=1&data=" + escaped(ENCODED)
    kinds = TABLES["types"]
    rows = [(repr(kind), post(body, headers=((b"Content-Type", kind),))) for kind in kinds]
    rows += [("none", post(body, headers=())), ("empty", post(b""))]
    rows += [("with a query", post(b"data=7", b"/track?" + body, ((b"Content-Type", b"a/b"),)))]
    rows += [("two types", post(body, headers=((b"Content-Type", b"text/plain"), FORM)))]
    compared(legacy, rows, capsys)


@pytest.mark.parametrize("depth", [100, 1000, 5000, 50_000])
def test_deep_values_are_read_alike(legacy: Legacy, depth: int, capsys: Capture) -> None:
    lists, objects = b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth
    open_lists = b"[" * depth
    whole = b'{"event":"e","properties":{"token":"T","v":%b}}'
    rows = [("depth", form(whole % text)) for text in (lists, objects, open_lists)]
    rows += [("depth", form(text)) for text in (lists, objects, open_lists)]
    compared(legacy, rows, capsys)


def mutated(text: bytes, chance: random.Random) -> bytes:
    """Return *text* with one to three small changes."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        width = chance.choice((0, 0, 1, 1, 3))
        text = text[:at] + chance.choice([*TABLES["mutations"], b"", b""]) + text[at + width :]
    return text


@pytest.mark.parametrize("seed", [1])
def test_mutated_events_are_read_alike(legacy: Legacy, seed: int, capsys: Capture) -> None:
    chance = random.Random(seed)
    whole = [
        b'{"event":"e","properties":{"token":"T","v":[1,2.5,{"a":"\\u00e9\xc3\xa9"}],"w":-1e-7}}',
        b'[{"event":"e","properties":{"token":"T"}},{"event":"f","properties":{"token":"U"}}]',
        b'{ "event" : "e" , "properties" : { "a" : null , "token" : "T" , "time" : 12 } }',
    ]
    rows = [(f"{number}", form(mutated(chance.choice(whole), chance))) for number in range(1500)]
    compared(legacy, rows, capsys)
