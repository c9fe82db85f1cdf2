"""Every known divergence over HTTP: the Erlang server beside ``ingest --profile mochiweb``.

Both are processes with a Kestrel of their own behind them; a row is the same bytes to both, and
what is compared are all answers (status, headers, body) and all messages on the queue.

``fixtures/raw-requests.jsonl`` holds probes of the HTTP layer. A row with ``why`` is known to
differ: ``WHYS`` says how, and the row says what each side answers and how many events it queues.
"""

import base64
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from pyingest.message import Request
from replay.legacy import Erlang
from tests.system.raw_requests import generated, mutated
from tests.system.twins import Effect, Twins, differing, running

pytestmark = [pytest.mark.erlang, pytest.mark.timeout(180)]

FIXTURES = Path(__file__).parent / "fixtures"
Capture = pytest.CaptureFixture[str]
WHYS = {
    "legacy is silent": "MochiWeb keeps the connection open without a word; we say 400. No event.",
    "legacy hangs up": "MochiWeb's process dies at it; we answer, by RFC 9112 with 200 or 400.",
    "refused framing": "MochiWeb queues it; we refuse what lets a request be smuggled (RFC 9112).",
    "refused request line": "MochiWeb reads a line that RFC 9112 does not allow; we say 400.",
    "bytes behind": "Behind a good request comes no request: MochiWeb waits, we say 400.",
    "staying open": "Only the Connection header differs: when to close is ours to choose.",
    "limits": "MochiWeb has lower limits (line 8 KiB, body 1 MiB), or says 400 where we say 431.",
}


@pytest.fixture(scope="module")
def twins(erlang: Erlang, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with running(erlang, tmp_path_factory.mktemp("twins"), "--profile", "mochiweb") as both:
        yield both


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name).read_text().splitlines()]


def raw(row: dict[str, Any]) -> bytes:
    text: str = row["raw"]
    if "fill" in row:
        text = text.replace("\0", row["fill"] * row["times"])
    return text.encode("latin-1")


def open_ended(effect: Effect) -> Effect:
    """Return *effect* without what was said about the connection."""
    replies = [
        replace(reply, headers=tuple(pair for pair in reply.headers if pair[0] != "connection"))
        for reply in effect.replies
    ]
    return replace(effect, replies=tuple(replies))


def explained(request: bytes, legacy: Effect, candidate: Effect) -> str | None:
    """Return the ``WHYS`` that fits the request and what both sides did."""
    if open_ended(legacy) == open_ended(candidate):
        return "staying open"
    longest = max(len(line) for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    if longest > 8190 and legacy.statuses in ((), (400,)) and not legacy.events:
        return "limits"
    if not legacy.replies and not legacy.events:
        return "legacy is silent" if legacy.held else "legacy hangs up"
    return None


def report(capsys: Capture, compared: int, unexplained: list[str], why: Counter[str]) -> None:
    with capsys.disabled():
        counts = ", ".join(f"{count} {name}" for name, count in why.most_common())
        print(f"[{compared} compared, {len(unexplained)} unexplained; {counts}]", end=" ")
    assert not unexplained, "\n".join(unexplained[:12])


def noted(effect: Effect) -> dict[str, Any]:
    seen: dict[str, Any] = {"statuses": list(effect.statuses), "events": len(effect.events)}
    return seen | {"held": True} if effect.held else seen


def reset(legacy: Effect, row: dict[str, Any]) -> bool:
    """Say whether MochiWeb's 400 was lost: it resets a connection whose bytes it has not read."""
    return row["why"] == "limits" and legacy == Effect((), ())


def unstamped(effect: Effect) -> list[bytes]:
    return [re.sub(rb'"time":\d{10}', b"", body) for _, body in effect.events]


def test_probes_of_the_http_layer_differ_as_is_known_and_not_otherwise(
    twins: Twins, capsys: Capture
) -> None:
    rows = lines("raw-requests.jsonl")
    unexplained: list[str] = []
    why: Counter[str] = Counter()
    for row in rows:
        held = row.get("legacy", {}).get("held", False)
        legacy, candidate = twins.effects(raw(row), 0.4 if held else 20)
        if "why" not in row:
            good = legacy == candidate
        else:
            why[row["why"]] += 1
            good = row["why"] in WHYS and noted(candidate) == row["candidate"]
            good &= noted(legacy) == row["legacy"] or reset(legacy, row)
            # Where both sides store, they store the same bytes.
            stored = unstamped(legacy), unstamped(candidate)
            good &= stored[0] == stored[1] or not all(stored)
        if not good:
            unexplained.append(f"{row['id']} {row['what']}\n  {legacy}\n  {candidate}")
    assert len(rows) >= 106
    report(capsys, len(rows), unexplained, why)


def told(row: dict[str, Any]) -> bytes:
    """Return the request of a row of ``divergent-requests.jsonl`` as bytes."""
    body = base64.b64decode(row.get("body", ""))
    if "deflated" in row:
        body = zlib.decompress(base64.b64decode(row["deflated"]))
    plain = [["Host", "a.example"]]
    form = [
        ["Content-Type", "application/x-www-form-urlencoded"],
        ["Content-Length", str(len(body))],
    ]
    headers = row.get("headers", plain + form if row["method"] == "POST" else plain)
    return Request(
        row["method"].encode(),
        row["target"].encode("latin-1"),
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers),
        body,
        row.get("version", "1.1").encode(),
    ).encode()


def test_every_known_divergence_is_none_over_http(twins: Twins, capsys: Capture) -> None:
    rows = [(row["id"], told(row)) for row in lines("divergent-requests.jsonl")]
    unexplained, why = differing(twins, rows, explained)
    assert len(rows) >= 766
    # Of what legacy queued, all is queued: it is only ever the candidate that takes more.
    assert why.total() - why["staying open"] <= 12
    report(capsys, len(rows), unexplained, why)


def escaped(text: bytes) -> bytes:
    return quote_from_bytes(text, safe="").encode()


def get(query: bytes) -> bytes:
    return Request(b"GET", b"/track?" + query, ((b"Host", b"a.example"),)).encode()


def post(body: bytes, path: bytes = b"/track") -> bytes:
    headers = (
        (b"Host", b"a.example"),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
        (b"Content-Length", b"%d" % len(body)),
    )
    return Request(b"POST", path, headers, body).encode()


def payloads(kind: str) -> list[tuple[str, bytes]]:
    rows = lines("payloads.jsonl")
    return [(row["id"], base64.b64decode(row["input_b64"])) for row in rows if row["kind"] == kind]


DEEP = {
    "lists, 5000 deep": b"[" * 5000 + b"]" * 5000,
    "lists, 10000 deep": b"[" * 10_000 + b"]" * 10_000,
    "lists, 100000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects, 10000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "open lists, 10000 deep": b"[" * 10_000,
    "open lists, 100000 deep": b"[" * 100_000,
}


def carried() -> Iterator[tuple[str, bytes]]:
    """Yield every payload in each way in which a request can carry it."""
    event = b'{"event":"e","properties":{"token":"T","v":%b}}'
    profile = b'{"$token":"T","$distinct_id":"d","$set":{"v":%b}}'
    for name, text in payloads("json"):
        yield f"{name} event", post(b"verbose=1&data=" + escaped(base64.b64encode(event % text)))
        yield f"{name} profile", post(b"data=" + escaped(profile % text), b"/engage")
        yield f"{name} batch", post(b"ip=1&data=" + escaped(b"[%b,7]" % (event % text)))
    for name, text in DEEP.items():
        yield f"{name} event", post(b"verbose=1&data=" + escaped(base64.b64encode(event % text)))
    for name, text in payloads("base64"):
        yield f"{name} form", post(b"data=" + escaped(text))
        yield f"{name} unescaped", post(b"data=" + text)
        yield f"{name} query", get(b"data=" + escaped(text))
    data = b"data=" + escaped(base64.b64encode(event % b"1"))
    for name, text in payloads("query"):
        yield f"{name} before", post(text + b"&" + data)
        yield f"{name} after", post(data + b"&verbose=1&" + text)
        if len(text) < 7000 and all(33 <= byte < 127 for byte in text):
            yield f"{name} query", get(text + b";" + data)


def test_every_payload_is_read_alike_over_http(twins: Twins, capsys: Capture) -> None:
    rows = list(carried())
    unexplained, why = differing(twins, rows, explained)
    assert len(rows) >= 1000
    assert set(why) <= {"limits"}
    report(capsys, len(rows), unexplained, why)


@pytest.mark.parametrize("seed", [20111])
def test_generated_requests_are_read_alike(twins: Twins, seed: int, capsys: Capture) -> None:
    rows = [(str(number), text) for number, text in enumerate(generated(seed, 3000))]
    unexplained, why = differing(twins, rows, explained)
    assert set(why) <= {"staying open"}
    report(capsys, len(rows), unexplained, why)


@pytest.mark.parametrize("seed", [20111])
def test_what_both_sides_queue_of_broken_bytes_is_the_same(
    twins: Twins, seed: int, capsys: Capture
) -> None:
    """Bytes with something broken anywhere: framing may be judged otherwise, never the event."""
    why: Counter[str] = Counter()
    wrong: list[str] = []
    rows = list(mutated(seed, 90))
    for text in rows:
        legacy, candidate = twins.effects(text, 0.15)
        if open_ended(legacy) == open_ended(candidate):
            why["alike"] += 1
        elif candidate.statuses[-1:] == (400,) and legacy.events[: len(candidate.events)] == (
            candidate.events
        ):
            why["refused by the candidate"] += 1
        elif not legacy.replies or legacy.held or legacy.statuses[-1] == 400:
            why["not answered by legacy"] += 1
        elif legacy.statuses[-1] in (404, 405) and candidate == Effect((), ()):
            why["refused by legacy before the body was there"] += 1
        else:
            wrong.append(f"{text[:400]!r}\n  legacy    {legacy}\n  candidate {candidate}")
    report(capsys, len(rows), wrong, why)
