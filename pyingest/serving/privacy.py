"""What is kept of a person's address."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from pyingest.message import Headers
from pyingest.wire.term import IllFormed

Address = Callable[[str, Headers], str | IllFormed | None]
PREFIX = {4: 24, 6: 48}
"""Bits of an address that are kept when it is cut."""


def truncated(text: str | IllFormed | None) -> str | None:
    """Return the network that an address is in, by its first address; ``None`` if it is none."""
    if not isinstance(text, str):
        return None
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return str(ip_network(f"{found}/{PREFIX[found.version]}", strict=False).network_address)


def private(address: Address, ip: str) -> Address:
    """Return *address*, a profile's way to a client's address, as ``privacy.ip`` wants it."""
    if ip == "drop":
        return lambda peer, headers: None
    if ip == "truncate":
        return lambda peer, headers: truncated(address(peer, headers))
    return address


def shown(peer: str, ip: str) -> str:
    """Return what of a connection's address may stand in a log."""
    if ip == "drop":
        return ""
    return (truncated(peer) or "") if ip == "truncate" else peer
