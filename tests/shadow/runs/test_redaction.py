"""No secret gets to the disk, and what is compared comes out as if nothing had been hidden."""

import gzip
import json
import os
import re
import sys
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.message import Request, Response
from shadow.exchange import Answered, Exchange, Failed, Failure, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunReader
from shadow.runs.manifest import RecordingError, RunManifest
from shadow.runs.part import renumbered
from shadow.runs.redaction import Asked, Redactor
from shadow.runs.run import Run
from shadow.runs.secrets import Key, load_key
from shadow.testing import ONE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEY = Key(b"k" * 32)
FIELDS = ("properties.$email", "$phone")
REDACTOR = Redactor(KEY, Asked(fields=FIELDS))
EXAMPLES = int(os.environ.get("MIXMIGRATE_EXAMPLES", "60"))
SECRET = b"Alice.Secret77@example.test"
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
EVENT = b'{"event":"e","properties":{"$email":"%b","distinct_id":"p1"}}'
TOKEN = KEY.of(b"s" + SECRET).encode()


def exchange(request: Request, answer: Answered | Failed = ONE) -> Exchange:
    return Exchange(1, 1.0, request, answer, answer)


def hidden(request: Request) -> Request:
    return REDACTOR.exchange(exchange(request)).request


def event(body: bytes, side: Side = Side.LEGACY) -> bytes:
    return REDACTOR.event(TappedEvent(side, "events", 1, 1.0, body)).body


def carried(target: bytes) -> bytes:
    """Return the JSON text in a target's first parameter."""
    return b64decode(unquote_to_bytes(target.partition(b"data=")[2].partition(b"&")[0]))


def test_headers_are_hidden_in_requests_and_answers_whatever_their_case() -> None:
    answer = Answered(Response(200, b"OK", ((b"set-COOKIE", b"sid=9"),), b"1"), 0.1)
    request = Request(b"GET", b"/track", ((b"authorization", b"Basic abc"), (b"Host", b"x")))
    found = REDACTOR.exchange(exchange(request, answer))
    assert found.request.headers == (
        (b"authorization", KEY.of(b"hBasic abc").encode()),
        (b"Host", b"x"),
    )
    assert isinstance(found.legacy, Answered)
    assert found.legacy.response.headers == ((b"set-COOKIE", KEY.of(b"hsid=9").encode()),)
    assert found.legacy == found.candidate


def test_a_field_is_hidden_alike_in_request_and_event() -> None:
    data = b64encode(EVENT % SECRET)
    request = hidden(Request(b"GET", b"/track?ip=1&data=" + quote_from_bytes(data).encode()))
    text = EVENT % TOKEN
    assert request.target.startswith(b"/track?ip=1&data=")
    assert b64decode(unquote_to_bytes(request.target.partition(b"data=")[2])) == text
    assert event(EVENT % SECRET) == text


def test_a_value_has_one_hash_however_it_is_spelled() -> None:
    spelled = [b'"caf\\u00e9"', '"café"'.encode(), b'"caf\\u00E9"']
    assert len({event(b'{"$phone":%b}' % one) for one in spelled}) == 1
    assert event(b'{"$phone":1.0e2}') == event(b'{"$phone":100.0}') != event(b'{"$phone":100}')
    assert event(b'{"\\u0024phone":"x"}').count(b"redacted:") == 1
    pair = [b'{"$phone":"\\ud83d\\ude00"}', '{"$phone":"😀"}'.encode()]
    assert len({event(one) for one in pair}) == 1


def test_what_has_nothing_to_hide_keeps_every_byte() -> None:
    odd = b'{"event":"e", "properties":{"a":1.0e2,"a":"\\u00e9",},}'
    assert event(odd) == odd
    body = b"data=" + b64encode(odd) + b"&ip=1;verbose=1&&=&x"
    assert hidden(Request(b"POST", b"/track?%zz", (FORM,), body)).body == body
    packed = gzip.compress(body)
    request = Request(b"POST", b"/track", (FORM, (b"Content-Encoding", b"gzip")), packed)
    assert hidden(request).body == packed


def test_oddities_around_a_hidden_value_stay() -> None:
    odd = b'{"event":"e", "properties":{"$email" : "%b","a":1.0e2,"a":2,},}' % SECRET
    assert event(odd) == odd.replace(SECRET, TOKEN)


def test_nothing_under_a_hidden_key_is_left() -> None:
    found = json.loads(event(b'{"$phone":{"k":["v",1,true,null,{"a":"b"}]},"n":1}'))
    assert found["n"] == 1
    text = json.dumps(found["$phone"])
    assert text.count("redacted:") == 6
    assert re.sub("redacted:[0-9a-f]{32}", "", text) == '{"": ["", "", "", null, {"": ""}]}'


def test_what_is_hidden_is_not_hidden_again() -> None:
    once = event(b'{"$phone":{"k":["v",1]},"x":{"$email":"%b"}}' % SECRET)
    assert event(once) == once
    assert event(event(b'{"$email":"')) == event(b'{"$email":"')


def test_a_key_is_hidden_wherever_a_candidate_puts_it() -> None:
    assert SECRET not in event(b'{"$email":"%b"}' % SECRET, Side.CANDIDATE)
    assert SECRET not in event(b'[{"x":[{"$email":"%b"}]}]' % SECRET, Side.CANDIDATE)
    nested = json.dumps({"raw": json.dumps({"$email": SECRET.decode()})}).encode()
    assert SECRET not in event(nested, Side.CANDIDATE)


@pytest.mark.parametrize(
    "body",
    [
        b'{"$email":"%b' % SECRET,
        b'{"properties":{"$email":"%b"}}"' % SECRET,
        b'{"$email":"%b"}}' % SECRET,
        b"data=" + b64encode(EVENT % SECRET)[:-3] + b"*",
        b"data=%" + b64encode(EVENT % SECRET),
        b"data=" + quote_from_bytes(quote_from_bytes(EVENT % SECRET).encode()).encode(),
        b"\xff\xfe" + (EVENT % SECRET).decode().encode("utf-16-le"),
        b64encode(EVENT % SECRET),
        b64encode(EVENT % SECRET).rstrip(b"=") + b"=1",
        b"\x1f\x8bnot gzip" + SECRET,
    ],
)
def test_what_cannot_be_taken_apart_is_hidden_as_a_whole(body: bytes) -> None:
    found = hidden(Request(b"POST", b"/track", (FORM,), body)).body
    assert b"redacted:" in found
    assert not leaks(found, SECRET)


def test_an_answer_that_repeats_a_secret_is_hidden_there() -> None:
    said = b'0 bad address "%b" or %b' % (SECRET, quote_from_bytes(SECRET, "").encode())
    answer = Answered(Response(400, b"Bad", ((b"X-Why", SECRET),), said), 0.1)
    request = Request(b"POST", b"/track", (FORM,), b"data=" + b64encode(EVENT % SECRET))
    found = REDACTOR.exchange(exchange(request, answer)).candidate
    assert isinstance(found, Answered)
    assert found.response.body == b'0 bad address "%b" or %b' % (TOKEN, TOKEN)
    assert found.response.headers == ((b"X-Why", TOKEN),)
    failed = Failed(Failure.MALFORMED, f"no status line: {SECRET.decode()}", 0.1)
    assert SECRET.decode() not in repr(REDACTOR.exchange(exchange(request, failed)).legacy)


def spellings(secret: bytes) -> set[bytes]:
    """Return the ways in which *secret* may stand in a text: as it is, or within base64."""
    found = {secret, quote_from_bytes(secret, "").encode()}
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(b"x" * shift + secret).rstrip(b"=")
            found.add(text[-(-shift * 4 // 3) + (1 if shift else 0) : -2])
    return found


def leaks(data: bytes, secret: bytes) -> bool:
    layers = [data]
    for _ in range(3):
        layers.append(unquote_to_bytes(layers[-1]))
    return any(one in layer for layer in layers for one in spellings(secret))


def test_the_search_for_leaks_finds_them() -> None:
    for shift in range(4):
        for encode in (b64encode, urlsafe_b64encode):
            assert leaks(b"data=" + encode(b"x" * shift + SECRET + b"tail"), SECRET)
    assert leaks(quote_from_bytes(SECRET, "").encode(), SECRET)
    assert not leaks(b"data=" + TOKEN, SECRET)


Dress = Callable[[bytes], bytes]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
secret_texts = st.text("ABCDEFGHJK", min_size=14, max_size=20).map(lambda text: f"S{text}S")


@st.composite
def payloads(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Draw a JSON text with secrets in it, perhaps broken, and the secrets."""
    secrets = draw(st.lists(secret_texts, min_size=1, max_size=3, unique=True))
    records = []
    for secret in secrets:
        record: dict[str, Any] = {
            "event": "e",
            "properties": draw(json_values),
            "more": draw(json_values),
        }
        name = draw(st.sampled_from(["$email", "$phone"]))
        value = draw(st.sampled_from([secret, [secret], {"deep": [{"er": secret}]}, {secret: 1}]))
        place = draw(st.integers(0, 2))
        if place == 0:
            record[name] = value
        elif place == 1:
            record["properties"] = {"distinct_id": "p", name: value}
        else:
            record["more"] = [[{name: value}]]
        records.append(record)
    text = json.dumps(records, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    odd = draw(st.integers(0, 9))
    if odd == 0:
        text = text[: draw(st.integers(0, len(text)))]
    elif odd == 1:
        text = text.replace(b'"$', b'"\\u0024')
    elif odd == 2:
        text = text.replace(b"}", b",}")
    elif odd == 3:
        text += draw(st.sampled_from([b'"', b"}", b"]", b",", b"\\", b"\xff", b"\n" + text]))
    elif odd == 4:
        text = b" \n\xef\xbb\xbf" + text
    return text, [secret.encode() for secret in secrets]


def as_address(text: bytes) -> bytes:
    return quote_from_bytes(text).encode()


DRESSES: list[Dress] = [bytes, b64encode, urlsafe_b64encode]
QUOTED: list[Dress] = [bytes, as_address]


@st.composite
def requests(draw: st.DrawFn) -> tuple[Request, list[bytes], bytes]:
    """Draw a request that carries secrets in some way, and its payload."""
    text, secrets = draw(payloads())
    dress = draw(st.sampled_from(DRESSES))
    packed = dress(text)
    if draw(st.booleans()):
        packed = packed.rstrip(b"=")
    quoted = draw(st.sampled_from(QUOTED))
    name = draw(st.sampled_from([b"data=", b"x=", b"ip=1&data=", b"ip=1;data=", b""]))
    field = name + quoted(packed)
    field += draw(st.sampled_from([b"", b"&verbose=1", b";v", b"*", b"%"]))
    cookie = draw(secret_texts).encode()
    headers = [(b"Cookie", cookie), draw(st.sampled_from([FORM, (b"content-type", b"text/plain")]))]
    if draw(st.booleans()):
        return Request(b"GET", b"/track?" + field, tuple(headers)), [*secrets, cookie], text
    if draw(st.booleans()):
        headers.append((b"Content-Encoding", draw(st.sampled_from([b"gzip", b"br", b"identity"]))))
        field = gzip.compress(field) if headers[-1][1] == b"gzip" else field
    if draw(st.booleans()):
        headers[1] = (b"Content-Type", b"multipart/form-data; boundary=x")
    body = draw(st.sampled_from([field, text]))
    return Request(b"POST", b"/track", tuple(headers), body), [*secrets, cookie], text


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=6))
def test_no_secret_is_in_any_byte_of_a_run(made: list[tuple[Request, list[bytes], bytes]]) -> None:
    with TemporaryDirectory() as place:
        run = Run.create(
            Path(place) / "run", RunManifest(created=1.0, partitions=2), redactor=REDACTOR
        )
        writer, counted = run.part("all"), Ledger()
        for number, (request, _, text) in enumerate(made, 1):
            one = Exchange(number, float(number), request, ONE, ONE)
            writer.add_exchange(one)
            counted.ended(one)
            for side in Side:
                writer.add_event(TappedEvent(side, "events", number, float(number), text))
        writer.close(counted.to_dict(), {})
        run.close()
        written = b"\n".join(
            zstd.decompress(path.read_bytes()) if path.suffix == ".zst" else path.read_bytes()
            for path in sorted((Path(place) / "run").rglob("*"))
            if path.is_file()
        )
        decoded = [written, written.replace(b'\\"', b'"')]
        reader = RunReader(Path(place) / "run")
        for number in reader.partitions:
            decoded += [unpacked(one.request) for one in reader.exchanges(number)]
        for secret in {one for _, secrets, _ in made for one in secrets}:
            assert not any(leaks(data, secret) for data in decoded)


def unpacked(request: Request) -> bytes:
    body = request.body
    return request.target + b" " + (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "redaction.key"
    made = load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path).of(b"x") == made.of(b"x") != KEY.of(b"x")
    assert [one.name for one in path.parent.iterdir()] == ["redaction.key"]
    path.chmod(0o644)
    with pytest.raises(RecordingError, match="others can read this key"):
        load_key(path)


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("abcd\n")
    path.chmod(0o600)
    with pytest.raises(RecordingError, match="holds no key"):
        load_key(path)


def test_a_run_is_not_gone_on_with_in_the_clear(tmp_path: Path) -> None:
    manifest = RunManifest(created=1.0, partitions=2)
    run = Run.create(tmp_path / "run", manifest, redactor=REDACTOR)
    with pytest.raises(RecordingError, match="other redaction"):
        Run.open(tmp_path / "run").part("proxy-0")
    Run.open(tmp_path / "run", REDACTOR).part("proxy-0").close({}, {})
    run.close()
    with pytest.raises(RecordingError, match="other redaction"):
        Run.resume(tmp_path / "run", manifest)
    assert KEY.name in RunReader(tmp_path / "run").manifest.notes[0]


def test_all_else_that_is_told_of_an_exchange_stays() -> None:
    cookie = Request(b"GET", b"/track", ((b"Cookie", b"sid=9"),))
    one = replace(exchange(cookie), number=7, at=8.0, owner=Side.CANDIDATE, handed_over=True)
    found = REDACTOR.exchange(one)
    names = {field.name for field in fields(Exchange)}
    same = {name for name in names if getattr(found, name) == getattr(one, name)}
    assert same == names - {"request"}
    other = renumbered(one, 100)
    assert (other.number, replace(other, number=7)) == (107, one)
