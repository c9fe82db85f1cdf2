"""The page itself: one document that asks for nothing but its own events.

Its policy (CSP) names the very style and script by their hashes: nothing else runs, whatever the
traffic that is shown may hold.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


def _part(name: str) -> bytes:
    return (_HERE / name).read_bytes()


def _hash(part: bytes) -> bytes:
    return b"'sha256-" + base64.b64encode(hashlib.sha256(part).digest()) + b"'"


_STYLE, _SCRIPT = _part("page.css"), _part("page.js")
POLICY = b"; ".join(
    (
        b"default-src 'none'",
        b"style-src " + _hash(_STYLE),
        b"script-src " + _hash(_SCRIPT),
        b"connect-src 'self'",
        b"img-src data:",
        b"base-uri 'none'",
        b"form-action 'none'",
        b"frame-ancestors 'none'",
    )
)
"""Content Security Policy, for the header of every answer."""


@cache
def page() -> bytes:
    """Return the document."""
    return _part("page.html").replace(b"{{style}}", _STYLE).replace(b"{{script}}", _SCRIPT)
