"""Where ``redirect`` may lead: nowhere that the operator did not name."""

from urllib.parse import quote, urlsplit

LONGEST = 1024
_AS_IT_IS = "!#$%&'()*+,-./:;=?@[]_~"


def location(url: bytes, hosts: frozenset[str]) -> bytes | None:
    """Return *url* as a ``Location``, or ``None`` if it leads to none of *hosts*.

    ``.example.com`` among *hosts* means every host below it.
    """
    if not url or not hosts or len(url) > LONGEST or _is_odd(url):
        return None
    try:
        parts = urlsplit(url.decode("utf-8"))
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "") or "@" in parts.netloc:
        return None
    parents = ("." + host.split(".", count)[count] for count in range(1, host.count(".") + 1))
    if host not in hosts and not any(parent in hosts for parent in parents):
        return None
    return quote(url, safe=_AS_IT_IS).encode("ascii")


def _is_odd(url: bytes) -> bool:
    """Say whether browsers and we might read *url* differently."""
    return b"\\" in url or any(byte <= 0x20 or byte == 0x7F for byte in url)
