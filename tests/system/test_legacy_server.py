"""The Erlang server over real sockets: what it answers, and what it puts on Kestrel."""

import base64
import http.client
import json
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode

import pytest

from replay.legacy import Erlang
from replay.processes import ServerProcess

pytestmark = pytest.mark.erlang

QUEUES = ("events", "profiles")
SIGNUP = b'{"event":"signup","properties":{"token":"T"}}'
PROFILE = b'{"$token":"T","$distinct_id":"d","$set":{"a":1}}'
CESU8 = b'{"event":"e","properties":{"token":"T","a":"\xed\xa0\xbd\xed\xb8\x80"}}'


@dataclass
class Kestrel:
    """As much of Kestrel as a writer sees. It can go down, come back, refuse, and fall silent."""

    reply: bytes = b"STORED\r\n"
    items: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    connections: list[socket.socket] = field(default_factory=list)
    server: socketserver.ThreadingTCPServer | None = None

    def up(self) -> None:
        kestrel = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                kestrel.connections.append(self.connection)
                try:
                    while line := self.rfile.readline():
                        _, queue, _, _, size = line.split()
                        kestrel.items.append((queue.decode(), self.rfile.read(int(size) + 2)[:-2]))
                        self.connection.sendall(kestrel.reply)
                except OSError:
                    return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", self.port), Connection)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        for connection in self.connections:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def taken(self) -> list[tuple[str, bytes]]:
        """Return what came since the last call."""
        items = self.items[:]
        self.items.clear()
        return items


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Message
    text: str


@dataclass(frozen=True)
class Legacy:
    """The running server."""

    address: str

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, target, body or None, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def track(self, payload: bytes, path: str = "/track", **parameters: str) -> str:
        """Return the answer to *payload* in base64, in a query string."""
        query = urlencode({"data": base64.b64encode(payload).decode(), **parameters})
        return self.ask(f"{path}?{query}").text

    def problem(self, payload: bytes, path: str = "/track") -> tuple[int, str | None]:
        answer = json.loads(self.track(payload, path, verbose="1"))
        return answer["status"], answer["error"]


@pytest.fixture(scope="module")
def build(erlang: Erlang, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("legacy")
    erlang.build(directory)
    return directory


@pytest.fixture(scope="module")
def running_kestrel() -> Iterator[Kestrel]:
    kestrel = Kestrel()
    kestrel.up()
    yield kestrel
    kestrel.down()


@pytest.fixture(scope="module")
def legacy(erlang: Erlang, build: Path, running_kestrel: Kestrel) -> Iterator[Legacy]:
    queue = f"127.0.0.1:{running_kestrel.port}"
    process = ServerProcess(erlang.command(build, "127.0.0.1:0", queue, QUEUES), build / "log")
    yield Legacy(process.address)
    process.kill()


@pytest.fixture
def kestrel(running_kestrel: Kestrel) -> Kestrel:
    running_kestrel.reply = b"STORED\r\n"
    running_kestrel.items.clear()
    return running_kestrel


def test_port_zero_is_told_in_the_readiness_line(legacy: Legacy) -> None:
    host, _, port = legacy.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_an_event_is_stored_with_its_time(legacy: Legacy, kestrel: Kestrel) -> None:
    before = int(time.time())
    assert legacy.track(SIGNUP) == "1"
    [(queue, body)] = kestrel.taken()
    stamp = json.loads(body)["properties"]["time"]
    assert queue == "events"
    assert before <= stamp <= time.time()
    assert body == b'{"event":"signup","properties":{"token":"T","time":%d}}' % stamp


def test_a_batch_is_stored_one_message_an_event(legacy: Legacy, kestrel: Kestrel) -> None:
    second = SIGNUP.replace(b"signup", b"login")
    assert legacy.track(b"[%b,%b]" % (SIGNUP, second)) == "1"
    names = [json.loads(body)["event"] for _, body in kestrel.taken()]
    assert names == ["signup", "login"]


def test_a_partly_good_batch_is_stored_in_part(legacy: Legacy, kestrel: Kestrel) -> None:
    assert legacy.problem(b'[{"event":1},%b,7]' % SIGNUP) == (1, "event, missing")
    assert len(kestrel.taken()) == 1


def test_a_profile_goes_to_its_own_queue(legacy: Legacy, kestrel: Kestrel) -> None:
    assert legacy.track(PROFILE, "/engage/", ip="1") == "1"
    [(queue, body)] = kestrel.taken()
    assert queue == "profiles"
    assert list(json.loads(body)) == ["$token", "$distinct_id", "$set", "$ip", "$time"]


def test_verbose_answers_are_json(legacy: Legacy) -> None:
    assert legacy.track(SIGNUP, verbose="1") == '{"error":null,"status":1}'
    assert legacy.track(SIGNUP, verbose="false") == "1"


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "data, missing or empty"),
        (b"[]", "data, missing or empty"),
        (b'{"event":', "data, invalid JSON"),
        (CESU8, "data, invalid JSON"),
        (b"7", "data, must be an object or a list of objects"),
        (b"[7]", "data, must be an object or a list of objects"),
        (b'{"event":"","properties":{"token":"T"}}', "event, missing"),
        (b'{"event":"e","properties":{"token":1}}', "token, missing or empty"),
        (b'{"event":"e"}', "token, missing or empty"),
    ],
)
def test_what_is_wrong_is_said_and_not_stored(
    legacy: Legacy, kestrel: Kestrel, payload: bytes, problem: str
) -> None:
    assert legacy.problem(payload) == (0, problem)
    assert legacy.track(payload) == "0"
    assert kestrel.taken() == []


def test_a_profile_needs_its_token_and_its_id(legacy: Legacy) -> None:
    assert legacy.problem(b"{}", "/engage") == (0, "$token, missing or empty")
    assert legacy.problem(b'{"$token":"T"}', "/engage") == (0, "$distinct_id, missing or empty")


def test_bad_base64_is_no_data(legacy: Legacy) -> None:
    answer = legacy.ask("/track?verbose=1&data=e30").text
    assert json.loads(answer)["error"] == "data, invalid base64 encoding"


def test_a_trailing_comma_is_accepted(legacy: Legacy, kestrel: Kestrel) -> None:
    assert legacy.track(SIGNUP[:-1] + b",}") == "1"
    assert len(kestrel.taken()) == 1


def test_repeated_keys_are_all_kept(legacy: Legacy, kestrel: Kestrel) -> None:
    payload = b'{"event":"e","properties":{"token":"T1","token":"T2","time":1}}'
    assert legacy.track(payload) == "1"
    assert kestrel.taken() == [("events", payload)]


def test_a_form_comes_before_the_query(legacy: Legacy, kestrel: Kestrel) -> None:
    form = urlencode({"data": PROFILE.decode()}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert legacy.ask("/engage?data=7", "POST", form, headers).text == "1"
    assert legacy.ask("/engage?data=7", "POST", form, {"Content-Type": "text/plain"}).text == "0"
    assert len(kestrel.taken()) == 1


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("1.2.3.4, 5.6.7.8", "5.6.7.8"),
        ("9.9.9.9 ", "9.9.9.9"),
        (None, "127.0.0.1"),
        (",", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_address_is_the_last_one_forwarded(
    legacy: Legacy, kestrel: Kestrel, forwarded: str | None, address: str
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    query = urlencode({"data": SIGNUP.decode(), "ip": "1"})
    assert legacy.ask(f"/track?{query}", headers=headers).text == "1"
    [(_, body)] = kestrel.taken()
    assert json.loads(body)["properties"]["ip"] == address


def test_head_answers_without_storing(legacy: Legacy, kestrel: Kestrel) -> None:
    query = urlencode({"data": SIGNUP.decode()})
    response = legacy.ask(f"/track?{query}", "HEAD")
    assert (response.status, response.headers["Content-Length"], response.text) == (200, "1", "")
    assert kestrel.taken() == []


def test_options_allow_a_page_of_any_origin(legacy: Legacy) -> None:
    asked = {"Origin": "http://shop.example", "Access-Control-Request-Headers": "X-A"}
    response = legacy.ask("/anything", "OPTIONS", headers=asked)
    assert (response.status, response.text) == (200, "")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert response.headers["Access-Control-Allow-Origin"] == "http://shop.example"
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert response.headers["Access-Control-Allow-Headers"] == "X-A"
    assert response.headers["Access-Control-Max-Age"] == "3600"


def test_other_methods_and_paths_are_refused(legacy: Legacy) -> None:
    refused = legacy.ask("/track", "PUT", b"x")
    assert (refused.status, refused.text) == (405, "0")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    unknown = legacy.ask("/trackx")
    assert (unknown.status, unknown.text) == (404, "0")
    assert unknown.headers["Cache-Control"] == "no-store"
    assert unknown.headers["Access-Control-Allow-Origin"] == "*"


def test_a_full_queue_is_no_success(legacy: Legacy, kestrel: Kestrel) -> None:
    kestrel.reply = b"NOT_STORED\r\n"
    assert legacy.problem(SIGNUP) == (0, "a temporary failure occurred")
    kestrel.reply = b"STORED\r\n"
    assert legacy.track(SIGNUP) == "1"


def test_a_silent_queue_is_given_up_after_its_time(legacy: Legacy, kestrel: Kestrel) -> None:
    kestrel.reply = b""
    began = time.monotonic()
    assert legacy.track(SIGNUP) == "0"
    assert 1.4 < time.monotonic() - began < 3
    kestrel.reply = b"STORED\r\n"
    assert legacy.track(SIGNUP) == "1"


def test_a_dead_queue_fails_fast_and_a_living_one_is_found_again(
    legacy: Legacy, kestrel: Kestrel
) -> None:
    kestrel.down()
    began = time.monotonic()
    answers = [legacy.track(SIGNUP) for _ in range(8)]
    took = time.monotonic() - began
    kestrel.up()
    assert answers == ["0"] * 8
    assert took < 1
    deadline = time.monotonic() + 5
    while legacy.track(SIGNUP) == "0":
        assert time.monotonic() < deadline, "the writers did not find the queue again"
    kestrel.taken()
    time.sleep(0.1)  # the longest rest of a writer that has not tried yet
    assert [legacy.track(SIGNUP) for _ in range(8)] == ["1"] * 8
    assert len(kestrel.taken()) == 8


@pytest.mark.parametrize(
    ("listen", "status", "said"),
    [
        ("nowhere", 2, "nowhere is not ADDRESS:PORT, for example 127.0.0.1:8000"),
        ("{taken}", 1, "cannot listen on {taken}: eaddrinuse"),
    ],
)
def test_a_failed_start_is_explained_in_one_line(
    erlang: Erlang, build: Path, legacy: Legacy, listen: str, status: int, said: str
) -> None:
    address = listen.format(taken=legacy.address)
    arguments = erlang.command(build, address, "127.0.0.1:1", QUEUES)
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr == f"legacy: {said.format(taken=legacy.address)}\n"


def test_sigterm_ends_it_with_status_zero(erlang: Erlang, build: Path) -> None:
    arguments = erlang.command(build, "127.0.0.1:0", "127.0.0.1:1", QUEUES)
    process = ServerProcess(arguments, build / "second.log")
    process.stop(10)  # raises for any other status
    assert "CRASH" not in (build / "second.log").read_text()
