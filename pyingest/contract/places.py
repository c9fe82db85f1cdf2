"""Request targets to what they mean: one look-up in a dict."""

import enum
from collections.abc import Mapping
from functools import lru_cache

from pyingest.contract.fields import unescaped
from pyingest.routing import Endpoint


class Page(enum.Enum):
    """What is served besides the endpoints."""

    DECIDE = "decide"
    """Old clients ask here for surveys and messages; there are none."""
    ROBOTS = "robots.txt"
    FAVICON = "favicon.ico"


Place = Endpoint | Page


@lru_cache(maxsize=16)
def places(prefixes: tuple[str, ...]) -> Mapping[bytes, Place]:
    """Return the meaning of every path that is served, each with and without a last ``/``."""
    found: dict[bytes, Place] = {b"/robots.txt": Page.ROBOTS, b"/favicon.ico": Page.FAVICON}
    for prefix in prefixes:
        for place in (*Endpoint, Page.DECIDE):
            path = b"%b/%b" % (prefix.rstrip("/").encode(), place.value.encode())
            found[path] = found[path + b"/"] = place
    return found


def split(target: bytes) -> tuple[bytes, bytes]:
    """Return the path of a request target, decoded, and its query as it stands.

    Scheme and host of an absolute target are taken off, as is a fragment (clients should not
    send one, some do); runs of ``/`` collapse.
    """
    if not target.startswith(b"/"):
        target = _without_host(target)
    if b"#" in target:
        target = target.partition(b"#")[0]
    path, _, query = target.partition(b"?")
    if b"%" in path:
        path = unescaped(path)
    while b"//" in path:
        path = path.replace(b"//", b"/")
    return path, query


def _without_host(target: bytes) -> bytes:
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        return target
    end = min((at for at in map(rest.find, (b"/", b"?", b"#")) if at >= 0), default=len(rest))
    path = rest[end:]
    return path if path.startswith(b"/") else b"/" + path
