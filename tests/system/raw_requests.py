"""Raw HTTP requests made up from what clients and attackers send; the same for the same seed."""

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

FIXTURES = Path(__file__).parent / "fixtures"
TABLES: dict[str, list[bytes]] = {
    name: [text.encode("latin-1") for text in texts]
    for name, texts in json.loads((FIXTURES / "tables.json").read_text()).items()
}
EVENTS = (
    b'{"event":"e","properties":{"token":"T","time":5,"v":@}}',
    b'{"event":"\\u00e9\xc3\xa9","properties":{"distinct_id":7,"token":"T","a":@,"a":1}}',
    b'[{"event":"a","properties":{"token":"T"}},{"event":"b","properties":{"token":"U","n":@}}]',
    b'{"$token":"T","$distinct_id":"d","$set":{"x":@}}',
    b'{"$token":"T","$distinct_id":12,"$time":3,"$add":{"x":@}}',
)
VALUES: tuple[bytes, ...] = (
    b"1",
    b"-0.0",
    b"1e21",
    b"0.00001",
    b"1.5",
    b"123456789012345680.0",
    b"1e-7",
    b"7000000.0",
    b"12345678000000.0",
    b"9007199254740993.0",
    b"null",
)
VALUES += (b'"x"', b'"\\ud83d\\ude00"', b"[1,]", b'{"a":{}}', b"[]", b"true", b'"a\tb"', b"\xff")
PATHS = [path or b"/" for path in TABLES["paths"] if path[:1] == b"/" or b"://" in path]
TYPES = (b"application/x-www-form-urlencoded",) * 4 + tuple(TABLES["types"])
BREAKS = (b"", b" ", b"\r\n", b"\n", b":", b"\0", b"%", b";", b"\xff", b"0")
ORIGINS = (b"http://a.example", b"null", b"")


def generated(seed: int, count: int) -> Iterator[bytes]:
    """Yield *count* well-framed requests, whatever is in them."""
    chance = random.Random(seed)
    return (_request(chance) for _ in range(count))


def mutated(seed: int, count: int) -> Iterator[bytes]:
    """Yield *count* requests in which bytes anywhere were changed."""
    chance = random.Random(seed)
    for _ in range(count):
        text = _request(chance)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text) + 1)
            piece = chance.choice(
                (b"", b" ", b"\r\n", b"\n", b":", b"\0", b"%", b";", b"\xff", b"0")
            )
            text = text[:at] + piece + text[at + chance.choice((0, 1, 1, 4)) :]
        yield text


def _request(chance: random.Random) -> bytes:
    pairs = _pairs(chance)
    method = chance.choice((b"GET", b"POST", b"POST", b"POST", b"HEAD", b"OPTIONS", b"PUT"))
    path = chance.choice([b"/track", b"/track/", b"/engage"] * 8 + PATHS)
    cut = chance.randint(0, len(pairs)) if method == b"POST" else len(pairs)
    query, body = _joined(chance, pairs[:cut]), _joined(chance, pairs[cut:])
    target = path + (b"?" + query.translate(None, _UNSAFE) if query else b"")
    headers = [b"Host: a.example", *_headers(chance)]
    framed = b""
    if method == b"POST":
        headers.append(b"Content-Type: " + chance.choice(TYPES))
        line, framed = _framed(chance, body)
        headers.append(line)
    chance.shuffle(headers)
    head = [b"%b %b HTTP/%b" % (method, target[:7000], chance.choice((b"1.1",) * 6 + (b"1.0",)))]
    return b"\r\n".join([*head, *headers, b"", b""]) + framed


_UNSAFE = bytes([*range(33), *range(127, 256)])
"""What cannot stand in a request line (RFC 9112, section 3.2)."""


def _pairs(chance: random.Random) -> list[bytes]:
    pairs = [b"data=" + _data(chance)]
    for name in (b"verbose", b"ip", b"data", b"_", b"test"):
        if chance.random() < 0.4:
            value = chance.choice(TABLES["flags"]) if name != b"data" else _data(chance)
            pairs.append(name + chance.choice((b"=", b"=", b"=", b"")) + value)
    chance.shuffle(pairs)
    return pairs


def _data(chance: random.Random) -> bytes:
    text = chance.choice(EVENTS).replace(b"@", chance.choice(VALUES))
    while chance.random() < 0.3:
        at = chance.randrange(len(text) + 1)
        text = (
            text[:at] + chance.choice(TABLES["mutations"]) + text[at + chance.choice((0, 0, 1)) :]
        )
    if chance.random() < 0.7:
        text = base64.b64encode(text)
        while chance.random() < 0.15:
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(TABLES["junk"]) + text[at:]
    return text if chance.random() < 0.2 else quote_from_bytes(text, "").encode()


def _joined(chance: random.Random, pairs: list[bytes]) -> bytes:
    return chance.choice((b"&", b"&", b"&", b";", b"&&")).join(pairs)


def _headers(chance: random.Random) -> list[bytes]:
    lines = []
    if chance.random() < 0.3:
        lines.append(b"X-Forwarded-For: " + chance.choice(TABLES["forwarded"]))
    if chance.random() < 0.3:
        lines.append(b"Origin: " + chance.choice(ORIGINS))
    if chance.random() < 0.1:
        lines.append(b"Access-Control-Request-Headers: x-a, x-b")
    if chance.random() < 0.2:
        lines.append(b"Connection: " + chance.choice((b"close", b"Close")))
    return lines


def _framed(chance: random.Random, body: bytes) -> tuple[bytes, bytes]:
    if chance.random() < 0.8:
        return b"Content-Length: %d" % len(body), body
    cut = chance.randint(0, len(body))
    pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return b"Transfer-Encoding: chunked", b"".join([*chunks, b"0\r\n\r\n"])
