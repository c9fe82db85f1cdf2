"""What is changed in a request: the client's address is added, once. And our own answers.

Everything else goes on as it came, ``Connection`` and ``Keep-Alive`` too. RFC 9110, section 7.6.1,
wants them taken out by those who keep the two connections apart. Here they are not kept apart: the
client's connection lives as long as both the request and legacy's answer allow, so what the two say
to each other about it is true as it stands, and a client sees no other answer than before.
``Expect`` stays as well: see :mod:`shadow.relaying.visitor`.
"""

import re
from functools import lru_cache
from ipaddress import ip_address

from shadow.exchange import Failure
from shadow.relaying.grammar import RequestHead

_forwarded = re.compile(rb"\r\nx-forwarded-for:[^\r]*", re.IGNORECASE).finditer
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
GATEWAY_TIMEOUT = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Peer:
    """A client's address, and what it means for the header that tells it."""

    __slots__ = ("_appended", "_is_front", "_line")

    def __init__(self, host: str) -> None:
        address = host.encode("ascii")
        self._is_front = is_private(host)
        self._line = b"X-Forwarded-For: %b\r\n" % address if host else b""
        self._appended = b", " + address

    def forwarded(self, head: RequestHead, data: bytes) -> tuple[bytes, int]:
        """Return the request *data* as both sides get it, and the new end of its head.

        The address is appended to ``X-Forwarded-For`` once, as any front does it; but not when it
        is itself a private or loopback address that sent the header: then a front stands before
        us, and MochiWeb, which believes the last element when its own peer is private, would read
        the front's address as the client's. Legacy's events would change by our being there.
        """
        if not head.forwarded:
            added, at = self._line, head.end - 2
        elif self._is_front:
            return data, head.end
        else:
            added, at = self._appended, max(one.end() for one in _forwarded(data, 0, head.end))
        return data[:at] + added + data[at:], head.end + len(added)


def failed(kind: Failure) -> bytes:
    """Return what a client gets for an answer that its side did not give: as a plain proxy says."""
    return GATEWAY_TIMEOUT if kind is Failure.TIMED_OUT else BAD_GATEWAY


@lru_cache(maxsize=4096)
def is_private(peer: str) -> bool:
    """Return whether *peer* is an address of a private network, or of this machine."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return address.is_private or address.is_loopback
