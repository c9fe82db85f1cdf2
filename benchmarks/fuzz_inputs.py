"""Inputs for the fuzzers: requests that clients send, and what small changes make of them."""

import json
import random
import re
from pathlib import Path

from tests.system.raw_requests import EVENTS, VALUES, generated

FIXTURES = Path(__file__).parent.parent / "tests" / "system" / "fixtures"
RECORDED = Path(__file__).parent.parent / "tests" / "clients" / "fixtures"
LINES = (
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Content-Encoding: gzip",
    b"Content-Type: application/json",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Content-Type: text/plain",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Upgrade: h2c",
)
WORDS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b"\0",
        b"\xff",
        b"%",
        b"&",
        b"=",
        b"+",
    ),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"1;a=b\r\nx\r\n", b"HTTP/1.0", b"HTTP/9.9"),
    *(b"/track", b"/engage", b"/groups", b"/import", b"?verbose=1", b"&ip=1", b"&img=1"),
    *(b"&strict=1", b"&callback=a.b", b"&redirect=http://x/", b"data=", b"CONNECT"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\ud83d",
        b"1e999",
        b"NaN",
        b"-0.0",
        b"5000000.0",
        b"[" * 2000,
    ),
    *(b"9" * 5000, b"\xed\xa0\xbd\xed\xb8\x80", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
    *(b'{"event":"e","properties":{"token":"T"}}', b'{"$token":"T","$distinct_id":"d","$set":{}}'),
    *(b"A" * 70_000, b"X: y\r\n" * 1200, *(line + b"\r\n" for line in LINES)),
)
PLAIN = (
    b"POST /track?verbose=1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)
_LENGTH = re.compile(rb"(?i)content-length: *\d+")
LARGEST = 300_000
"""Bytes; longer inputs are cut, or mutation would only make them longer and longer."""


def corpus(seed: int) -> list[bytes]:
    """Return the requests to begin with."""
    found = list(generated(seed, 120))
    for line in (FIXTURES / "raw-requests.jsonl").read_text().splitlines():
        row = json.loads(line)
        fill = row["fill"] * min(row["times"], 9000) if "fill" in row else "\0"
        found.append(row["raw"].replace("\0", fill).encode("latin-1"))
    found += [path.read_bytes() for path in sorted(RECORDED.glob("*.http"))]
    texts = [event.replace(b"@", value) for event in EVENTS for value in VALUES]
    return found + [mended(PLAIN + b"data=" + text) for text in texts]


def mended(text: bytes) -> bytes:
    """Return *text* with the ``Content-Length`` that its body has."""
    head, end, body = text.partition(b"\r\n\r\n")
    return _LENGTH.sub(b"Content-Length: %d" % len(body), head, count=1) + end + body


def changed(text: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return *text* with one to four changes; *others* are inputs to take pieces from.

    Half of the time the length of the body is mended, so that what is behind the framing is read.
    """
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 1, 1, 2, 8, 64)))
        match chance.randrange(7):
            case 0:
                piece = chance.choice(WORDS)
            case 1:
                piece = bytes(chance.randrange(256) for _ in range(chance.choice((1, 1, 4))))
            case 2:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                piece = other[start : start + chance.choice((4, 40, 400))]
            case 3:
                piece = text[at:end] * chance.choice((2, 3, 50))
            case 4:
                piece = bytes(byte ^ (1 << chance.randrange(8)) for byte in text[at:end])
            case 5:
                piece, end = b"", len(text)
            case _:
                piece = chance.choice(others)
        text = (text[:at] + piece + text[end:])[:LARGEST]
    return mended(text) if chance.random() < 0.5 else text


def pieces(text: bytes, chance: random.Random) -> list[bytes]:
    """Return *text* cut as a network might: mostly whole, sometimes into single bytes."""
    way = chance.random()
    if way < 0.5 or len(text) < 2:
        return [text]
    if way < 0.55:
        size = max(1, len(text) // 300)
        return [text[at : at + size] for at in range(0, len(text), size)]
    cuts = sorted(chance.randrange(1, len(text)) for _ in range(chance.randint(1, 4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
