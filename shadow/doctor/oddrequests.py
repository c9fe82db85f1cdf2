"""Odd but legal requests, made up; the same for the same seed.

Each is one that RFC 9110 and 9112 allow and that some client, somewhere, may send. What they do
not allow is no matter for an echo test: a proxy should refuse it. One thing that they do allow is
left out, because servers disagree on it: ``Transfer-Encoding: Chunked`` with a capital letter.
"""

import random
from collections.abc import Callable, Iterator

from shadow.doctor.conversation import Conversation

METHODS = (
    *(b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"MKCOL"),
    *(b"M-SEARCH", b"PURGE", b"FOO", b"get", b"Post", b"X", b"!#$%&'*+-.^_`|~09", b"Q" * 40),
)
TARGETS = (
    *(b"/", b"/track", b"/track/?data=e30%3D", b"/track?data=%zz&&;=", b"//double//slash"),
    *(b"/a/../b/./c", b"/caf\xc3\xa9?n=\xff\xfe", b"/'\"<>{}|\\^`[]", b"/?", b"/??a=?", b"/#part"),
    *(b"/a;b=c,d", b"http://other.example/track?x=1", b"/%00%0d%0a", b"/~!@$&'()*+,;=:"),
)
NAMES = (b"X-A", b"x-a", b"X-a", b"X_Under", b"!odd#name", b"Cookie", b"aCCept", b"X-Request-ID")
VALUES = (
    *(b"", b"1", b"a, b", b'"quoted; value"', b"caf\xe9", b"\xe2\x82\xac", b"a\tb", b"(comment)"),
    *(b"; ;", b"=?utf-8?q?x?=", b"a: b: c", b"Content-Length: 5", b"0" * 300),
)
BLANKS = ((b"", b""), (b" ", b""), (b" ", b""), (b"  ", b" "), (b"\t", b"\t"), (b" \t ", b" \t"))
BINARY = bytes(range(256))
TRAPS = (
    b"GET /trap HTTP/1.1\r\nHost: x\r\n\r\n",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"\x00" * 50,
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
)
"""Bodies that look like framing."""
LARGE = 300_000


def odd_conversations(seed: int, requests: int) -> Iterator[Conversation]:
    """Yield conversations with *requests* requests in all."""
    chance = random.Random(seed)
    left = requests
    while left > 0:
        for conversation in _drawn(chance):
            cut = Conversation(
                conversation.kind,
                conversation.requests[:left],
                conversation.cuts,
                conversation.waits,
            )
            left -= len(cut.requests)
            yield cut
            if left <= 0:
                return


def _drawn(chance: random.Random) -> list[Conversation]:
    kinds, weights = [kind for kind, _ in _KINDS], [weight for _, weight in _KINDS]
    return chance.choices(kinds, weights)[0](chance)


def _lines(chance: random.Random, most: int = 6) -> list[bytes]:
    """Return field lines without framing, in any case, order and spacing."""
    lines = []
    for _ in range(chance.randint(0, most)):
        before, after = chance.choice(BLANKS)
        value = chance.choice(VALUES)
        lines.append(chance.choice(NAMES) + b":" + before + value + after)
    if chance.random() < 0.3:
        chain = chance.choice((b"203.0.113.7", b"192.0.2.1, 198.51.100.2", b"unknown", b"::1"))
        lines.append(chance.choice((b"X-Forwarded-For: ", b"x-forwarded-for:")) + chain)
    lines.append(chance.choice((b"Host: api.example.test", b"host:x", b"HOST: [::1]:80")))
    chance.shuffle(lines)
    return lines


def _head(first: bytes, lines: list[bytes]) -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


def _with_body(
    chance: random.Random, body: bytes, method: bytes = b"POST", more: tuple[bytes, ...] = ()
) -> bytes:
    lines = [*_lines(chance), *more]
    name = chance.choice((b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH:\t"))
    lines.insert(chance.randint(0, len(lines)), name + b"%d" % len(body))
    return _head(b"%b %b HTTP/1.1" % (method, chance.choice(TARGETS)), lines) + body


def _plain(chance: random.Random) -> bytes:
    method, target = chance.choice(METHODS), chance.choice(TARGETS)
    return _head(b"%b %b HTTP/1.1" % (method, target), _lines(chance))


def _body(chance: random.Random) -> bytes:
    return chance.choice(
        (
            b"",
            b"data=e30%3D",
            BINARY,
            bytes(chance.randrange(256) for _ in range(chance.randint(1, 400))),
            *TRAPS,
        )
    )


def _chunks(chance: random.Random, body: bytes) -> bytes:
    """Return *body* in chunks of any spelling."""
    framed, at = b"", 0
    while at < len(body):
        size = chance.choice((1, 2, 7, 60, len(body)))
        piece = body[at : at + size]
        at += size
        number = chance.choice((b"%x", b"%X", b"00%x", b"%06X")) % len(piece)
        extension = chance.choice((b"",) * 5 + (b";a", b";a=b", b';a="q, ;r"', b";x=1;y=2"))
        framed += number + extension + b"\r\n" + piece + b"\r\n"
    last = chance.choice((b"0", b"0", b"000", b"0;last"))
    trailers = chance.choice((b"",) * 4 + (b"X-Trailer: t\r\n", b"X-T: 1\r\nx-t:2\r\n"))
    return framed + last + b"\r\n" + trailers + b"\r\n"


def _chunked_request(chance: random.Random) -> bytes:
    lines = _lines(chance)
    name = chance.choice((b"Transfer-Encoding:", b"transfer-encoding:", b"TRANSFER-ENCODING:"))
    coding = name + chance.choice((b" chunked", b"chunked", b"\tchunked ", b"  chunked"))
    lines.insert(chance.randint(0, len(lines)), coding)
    method = chance.choice((b"POST", b"POST", b"PUT", b"GET", b"FOO"))
    head = _head(b"%b %b HTTP/1.1" % (method, chance.choice(TARGETS)), lines)
    return head + _chunks(chance, _body(chance))


def _split(chance: random.Random, kind: str, request: bytes) -> Conversation:
    cuts = sorted(chance.sample(range(1, len(request)), min(len(request) - 1, 5)))
    return Conversation(kind, (request,), tuple(cuts))


# The kinds, each a function from a source of chance to a few conversations.


def plain(chance: random.Random) -> list[Conversation]:
    """Any method on any target, with any headers."""
    return [Conversation("method, target, headers", (_plain(chance),))]


def bodies(chance: random.Random) -> list[Conversation]:
    """Bodies with a length, under any method."""
    method = chance.choice((b"POST", b"POST", b"PUT", b"GET", b"DELETE", b"FOO"))
    return [Conversation("body", (_with_body(chance, _body(chance), method),))]


def chunked(chance: random.Random) -> list[Conversation]:
    """Bodies in chunks, whole or in pieces."""
    request = _chunked_request(chance)
    if chance.random() < 0.5:
        return [Conversation("chunked", (request,))]
    return [_split(chance, "chunked, in pieces", request)]


def head_and_options(chance: random.Random) -> list[Conversation]:
    """Methods whose answers are framed otherwise."""
    first = chance.choice((b"HEAD /track HTTP/1.1", b"OPTIONS * HTTP/1.1", b"OPTIONS / HTTP/1.1"))
    return [Conversation("HEAD, OPTIONS", (_head(first, _lines(chance)),))]


def old_version(chance: random.Random) -> list[Conversation]:
    """HTTP/1.0, kept open or not, with a Host or without."""
    lines = _lines(chance) if chance.random() < 0.5 else []
    if chance.random() < 0.5:
        lines.append(chance.choice((b"Connection: keep-alive", b"Connection: Keep-Alive")))
    first, body = b"GET /track?data=e30= HTTP/1.0", b""
    if chance.random() < 0.4:
        first, body = b"POST /track HTTP/1.0", _body(chance)
        lines.append(b"Content-Length: %d" % len(body))
    return [Conversation("HTTP/1.0", (_head(first, lines) + body,))]


def closing(chance: random.Random) -> list[Conversation]:
    """What is said of the connection."""
    word = chance.choice(
        (
            *(b"Connection: close", b"connection:Close", b"Connection: keep-alive, close"),
            *(b"Connection: keep-alive", b"Keep-Alive: timeout=5, max=100", b"Connection: TE"),
        )
    )
    lines = [*_lines(chance), word]
    if word.endswith(b"TE"):
        lines.append(b"TE: trailers")
    return [Conversation("Connection", (_head(b"GET /track HTTP/1.1", lines),))]


def expecting(chance: random.Random) -> list[Conversation]:
    """The body waits for ``100 Continue``; or does not, as RFC 9110 allows, too."""
    body = _body(chance) or b"x"
    request = _with_body(chance, body, more=(b"Expect: 100-continue",))
    if chance.random() < 0.5:
        return [Conversation("Expect", (request,), (len(request) - len(body),), waits=True)]
    return [Conversation("Expect, without waiting", (request,))]


def pipelined(chance: random.Random) -> list[Conversation]:
    """Several requests at once."""
    makers: list[Callable[[random.Random], bytes]] = [_plain, _chunked_request]
    makers.append(lambda chance: _with_body(chance, _body(chance)))
    requests = tuple(chance.choice(makers)(chance) for _ in range(chance.randint(2, 20)))
    whole = sum(map(len, requests))
    cuts: tuple[int, ...] = ()
    if chance.random() < 0.5:
        cuts = tuple(sorted(chance.sample(range(1, whole), 3)))
    return [Conversation("pipelined", requests, cuts)]


def at_every_byte(chance: random.Random) -> list[Conversation]:
    """One short request, cut in two at each of its bytes in turn."""
    request = chance.choice(
        (
            b"GET /track?data=e30= HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n",
            b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n0\r",
            b"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;e\r\n\r\n0\r\n1\r\n\n\r\n0\r\nT: x\r\n\r\n",
        )
    )
    return [Conversation("cut at every byte", (request,), (at,)) for at in range(1, len(request))]


def byte_by_byte(chance: random.Random) -> list[Conversation]:
    """Each byte a segment of its own."""
    request = chance.choice((_plain, _chunked_request))(chance)[:400]
    request = request if request.endswith(b"\r\n\r\n") else _head(b"GET /slow HTTP/1.1", [b"A:b"])
    return [Conversation("byte by byte", (request,), tuple(range(1, len(request))))]


def large(chance: random.Random) -> list[Conversation]:
    """Large bodies, heads and targets."""
    match chance.randrange(4):
        case 0:
            body = chance.randbytes(LARGE)
            return [Conversation("large body", (_with_body(chance, body),))]
        case 1:
            body = chance.randbytes(LARGE // 10)
            lines = [b"Host: x", b"Transfer-Encoding: chunked"]
            request = _head(b"POST /track HTTP/1.1", lines) + _chunks(chance, body[:2000])
            return [_split(chance, "large body in chunks", request)]
        case 2:
            lines = [b"X-%d: %b" % (number, b"v" * 200) for number in range(150)]
            return [Conversation("many headers", (_head(b"GET /many HTTP/1.1", lines),))]
        case _:
            target = b"/track?data=" + b"A" * chance.choice((5_000, 20_000, 60_000))
            lines = [*_lines(chance), b"X-Long: " + b"l" * 8_000]
            return [Conversation("long lines", (_head(b"GET %b HTTP/1.1" % target, lines),))]


_KINDS: tuple[tuple[Callable[[random.Random], list[Conversation]], int], ...] = (
    (plain, 300),
    (bodies, 200),
    (chunked, 200),
    (head_and_options, 60),
    (old_version, 80),
    (closing, 80),
    (expecting, 40),
    (pipelined, 40),
    (at_every_byte, 3),
    (byte_by_byte, 8),
    (large, 20),
)
