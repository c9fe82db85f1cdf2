"""The proxy's reader and the doctor's, which share no code, find the same requests in any bytes."""

import random

import pytest

from shadow.doctor.framing import NotFramed, request_end, request_head
from shadow.doctor.oddrequests import odd_conversations
from shadow.relaying.framing import FramingLimits, Refused, RequestFramer, Waiting, Whole

PIECES = (
    *(
        b"",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b":",
        b";",
        b",",
        b"0",
        b"\x00",
        b"\xff",
    ),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"HTTP/1.0", b"HTTP/1.1", b"chunked"),
)
LIMITS = FramingLimits(head=1 << 20)


def mutated(chance: random.Random, raw: bytes) -> bytes:
    """Return *raw* with some bytes replaced, added or taken away."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(len(raw), 600) + 1)
        raw = raw[:at] + chance.choice(PIECES) + raw[at + chance.choice((0, 0, 1, 2, 8)) :]
    return raw


def by_the_doctor(data: bytes) -> list[bytes]:
    """Return the requests that *data* begins with, and ``refused`` if what follows is none."""
    found: list[bytes] = []
    at = 0
    while True:
        while data[at : at + 2] == b"\r\n":  # empty lines before a request
            at += 2
        if at == len(data):
            return found
        try:
            end = request_end(data[at:])
            head = request_head(data[at:])
        except NotFramed:
            return [*found, b"refused"]
        if end is None:
            return found
        assert head is not None
        capital = any(one != b"chunked" for one in head.values(b"transfer-encoding"))
        if capital or head.word == b"CONNECT":  # which the proxy refuses, too
            return [*found, b"refused"]
        found.append(data[at : at + end])
        at += end


def by_the_proxy(data: bytes, size: int) -> list[bytes]:
    """Return the requests that the proxy finds in *data*, which come in pieces of *size* bytes."""
    framer, found = RequestFramer(LIMITS), list[bytes]()
    for at in range(0, len(data), size):
        got = framer.feed(data[at : at + size])
        while got is not None:
            if isinstance(got, Refused):
                return [*found, b"refused"]
            if isinstance(got, Whole):
                found.append(got.data)
            assert isinstance(got, Whole | Waiting)
            got = framer.following() if isinstance(got, Whole) else None
    return found


@pytest.mark.parametrize("size", [1 << 20, 100, 7, 1])
def test_both_find_the_same_requests_in_mutated_bytes(size: int) -> None:
    chance = random.Random(size)
    refused = several = 0
    for conversation in odd_conversations(size, 2500 if size > 1 else 700):
        data = mutated(chance, b"".join(conversation.requests[:3]))
        if len(data) > 20_000:
            continue
        ours, theirs = by_the_proxy(data, size), by_the_doctor(data)
        # What cannot become a request any more may be refused before it is whole.
        if ours[-1:] == [b"refused"] and theirs[-1:] != [b"refused"]:
            ours = ours[:-1]
        assert ours == theirs, data
        refused += ours[-1:] == [b"refused"]
        several += len(ours) > 1
    assert refused > 100
    assert several > 20
