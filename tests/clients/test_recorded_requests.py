"""Requests of clients that do not run here, byte for byte: each is stored, and its client sees it.

``fixtures/NAME.http`` are requests as clients send them: recorded from the libraries of the time
(Go, iPhone 2011, the old Python recipes) or put together from what their sources write (Ruby, PHP,
Java, Android, Swift). What a client makes of an answer is taken from ``compare/clients``.
"""

from pathlib import Path

import pytest

from compare.clients.readers import READERS, Reader
from compare.clients.reading import Batch, Shown
from pyingest.message import Response
from pyingest.wire.requestreader import Arrived, RequestReader
from tests.clients.ingestion import Ingestion
from tests.system.twins import Effect, Server

FIXTURES = Path(__file__).parent / "fixtures"
EVENTS, PROFILES = "events", "profiles"
MODERN = {
    "android-2012": (EVENTS, 1),
    "android-engage": (PROFILES, 1),
    "android-form": (EVENTS, 2),
    "android-form-gzip": (EVENTS, 2),
    "browser-beacon": (EVENTS, 1),
    "browser-jsonp": (EVENTS, 1),
    "browser-pixel": (EVENTS, 1),
    "curl-verbose": (EVENTS, 1),
    "go-alias": (EVENTS, 1),
    "go-engage": (PROFILES, 1),
    "go-groups": (PROFILES, 1),
    "go-import-gzip": (EVENTS, 1),
    "go-import-strict": (EVENTS, 1),
    "go-merge": (EVENTS, 1),
    "go-track": (EVENTS, 1),
    "iphone-2011": (EVENTS, 1),
    "iphone-2011-test": (EVENTS, 4),
    "iphone-json": (EVENTS, 6),
    "java-form": (EVENTS, 5),
    "java-form-gzip": (EVENTS, 6),
    "java-import": (EVENTS, 1),
    "java-import-gzip": (EVENTS, 1),
    "multipart": (EVENTS, 1),
    "php-engage": (PROFILES, 1),
    "php-large-expect": (EVENTS, 1),
    "php-socket": (EVENTS, 1),
    "php-track": (EVENTS, 2),
    "python2-newlines-get": (EVENTS, 1),
    "python2-newlines-post": (EVENTS, 1),
    "ruby-engage": (PROFILES, 1),
    "ruby-import": (EVENTS, 1),
    "ruby-track": (EVENTS, 1),
    "ruby-tracking-link": (EVENTS, 1),
    "swift-groups": (PROFILES, 1),
    "swift-track": (EVENTS, 2),
    "swift-track-gzip": (EVENTS, 2),
}
"""The queue of each request's records, and how many they are."""
CLASSIC = {
    *("android-2012", "android-engage", "android-form", "browser-jsonp", "browser-pixel"),
    *("curl-verbose", "go-alias", "iphone-2011", "iphone-2011-test", "java-form", "php-engage"),
    *("php-socket", "python2-newlines-get", "python2-newlines-post", "ruby-engage", "ruby-track"),
}
"""What the service of 2011 takes: forms and queries; no gzip, no JSON bodies, no URL-safe base64,
and no form in which a ``+`` of the base64 was left unescaped."""


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.http").read_bytes()


def effect(server: Ingestion, raw: bytes) -> Effect:
    host, _, port = server.host.partition(":")
    server.sink.items.clear()
    return Server((host, int(port)), server.sink).effect(raw)


def clients(raw: bytes) -> list[Reader]:
    """Return the clients that send requests like *raw* and read the answer."""
    [*_, arrived] = RequestReader().feed(raw)
    assert isinstance(arrived, Arrived)
    return [reader for reader in READERS if reader.sends(arrived.request)]


def answer(found: Effect) -> Response:
    """Return the last answer as a client's rule takes it."""
    reply = found.replies[-1]
    headers = tuple((name.encode(), value.encode("latin-1")) for name, value in reply.headers)
    return Response(reply.status, b"OK", headers, reply.body)


def test_every_recorded_request_is_expected_to_do_something() -> None:
    assert {path.stem for path in FIXTURES.glob("*.http")} == set(MODERN)
    assert set(MODERN) > CLASSIC


@pytest.mark.parametrize("name", MODERN)
def test_modern_stores_it_once_and_its_client_sees_that(modern: Ingestion, name: str) -> None:
    raw = recorded(name)
    found = effect(modern, raw)
    queue, count = MODERN[name]
    assert [where for where, _ in found.events] == [queue] * count
    assert found.statuses == (200,)
    for client in clients(raw):
        reading = client.reads(answer(found))
        assert (client.name, reading.batch, reading.shown) == (
            client.name,
            Batch.STORED,
            Shown.NOTHING,
        )


def test_most_of_them_are_judged_by_the_rule_of_a_client() -> None:
    judged = {name for name in MODERN if clients(recorded(name))}
    unread = {"browser-beacon", "browser-jsonp", "browser-pixel", "ruby-tracking-link"}
    assert not judged & unread
    assert len(judged) >= 20


@pytest.mark.parametrize("name", MODERN)
def test_classic_stores_what_the_service_of_2011_stored(classic: Ingestion, name: str) -> None:
    found = effect(classic, recorded(name))
    queue, count = MODERN[name]
    assert [where for where, _ in found.events] == [queue] * (count if name in CLASSIC else 0)


@pytest.mark.parametrize("name", ["browser-pixel", "ruby-tracking-link"])
def test_an_image_is_answered_with_an_image(modern: Ingestion, name: str) -> None:
    [reply] = effect(modern, recorded(name)).replies
    assert dict(reply.headers)["content-type"] == "image/gif"
    assert reply.body.startswith(b"GIF89a")


def test_a_script_is_answered_with_a_call(modern: Ingestion) -> None:
    [reply] = effect(modern, recorded("browser-jsonp")).replies
    assert dict(reply.headers)["content-type"].startswith("text/javascript")
    assert reply.body.endswith(b"(1);")
