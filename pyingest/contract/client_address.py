"""Whose address a request has, behind fronts that are ours."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from pyingest.contract.settings import TrustedProxies

_FRONTS = 32
"""Elements that are looked at, from the end: nobody has more fronts in a row."""
_Address = IPv4Address | IPv6Address


def client_address(peer: str, forwarded: bytes | None, proxies: TrustedProxies) -> str:
    """Return the client's address.

    Each front appends the address that it was called from, so *forwarded* (``X-Forwarded-For``)
    is read from its end, as long as the address that says so is one of *proxies*: whatever
    stands before that, a client may have made up. An address that is none makes it *peer*.
    """
    if forwarded is None or not (proxies.networks or proxies.hops):
        return peer
    chain = [*forwarded.decode("latin-1").rsplit(",", _FRONTS)[-_FRONTS:], peer]
    client = peer
    for hop, element in enumerate(reversed(chain)):
        address = _parsed(element)
        if address is None:
            return peer
        client = str(address)
        if hop >= proxies.hops and not any(address in one for one in proxies.networks):
            break
    return client


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
