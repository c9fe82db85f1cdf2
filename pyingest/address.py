"""Whose address an event carries as ``ip``."""

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from pyingest.message import Headers
from pyingest.wire.term import IllFormed

_FRONTS = tuple(
    IPv4Network(text)
    for text in ("127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10", "192.168.0.0/16")
)


def mochiweb_address(peer: str, headers: Headers) -> str | IllFormed:
    """Return the client's address as MochiWeb's ``Req:get(peer)`` gives it.

    Behind a front, that is for a *peer* with a private IPv4 address or 127.0.0.1, it is the
    last element of ``X-Forwarded-For``, all such headers joined; otherwise the peer itself. The
    element is taken as it stands, whatever it holds. Source: ``mochiweb_request`` 3.1.1.
    """
    values = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
    if not values or not is_front(peer):
        return peer
    elements = [element for element in b", ".join(values).split(b",") if element]
    if not elements:
        return peer
    last = elements[-1].strip(b" ")
    try:
        return last.decode("utf-8")
    except UnicodeDecodeError:
        return IllFormed(last)


@lru_cache(maxsize=1024)
def is_front(peer: str) -> bool:
    """Say whether MochiWeb believes what *peer* tells of its client."""
    if peer == "127.0.0.1":
        return True
    try:
        address = IPv4Address(peer)
    except AddressValueError:
        return False
    return any(address in network for network in _FRONTS)


def socket_address(peer: str, headers: Headers) -> str | IllFormed:
    """Return *peer*: what a port does that does not know of MochiWeb's rule."""
    return peer
