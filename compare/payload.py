"""A recorded request taken apart for the question which oddity of its text is to blame."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pyingest.message import Request, header
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile

_FORM = b"application/x-www-form-urlencoded"
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class Payload:
    """What one request carries, as text."""

    request: Request

    @cached_property
    def told(self) -> "dict[Callable[[Payload], bool], bool]":
        """Answers already found to questions about this payload."""
        return {}

    @cached_property
    def data(self) -> bytes | None:
        """The ``data`` parameter as legacy finds it."""
        return self._parameter(b"data", MOCHIWEB)

    @cached_property
    def ported_data(self) -> bytes | None:
        """The ``data`` parameter as a straightforward port finds it."""
        return self._parameter(b"data", STRICT)

    @cached_property
    def is_base64(self) -> bool:
        """Whether the parameter is not JSON as it stands."""
        return bool(self.data) and (self.data or b"").lstrip(b"\t\n\r ")[:1] not in (b"{", b"[")

    @cached_property
    def text(self) -> bytes:
        """The JSON text, base64 undone if anybody can undo it; empty if there is none."""
        if not self.data or not self.is_base64:
            return self.data or b""
        return MOCHIWEB.base64(self.data) or STRICT.base64(self.data) or b""

    @cached_property
    def strings(self) -> list[bytes]:
        """The strings of the JSON text, escapes and all, without their quotes."""
        return [found[0][1:-1] for found in _STRING.finditer(self.text)]

    @cached_property
    def outside(self) -> bytes:
        """The JSON text with its strings emptied."""
        return _STRING.sub(b'""', self.text)

    @cached_property
    def line(self) -> int:
        """Bytes of the request line."""
        request = self.request
        return len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n")

    @cached_property
    def parameters(self) -> bytes:
        """Query string and form body, undecoded."""
        return b"&".join(self._parts(MOCHIWEB))

    def _parts(self, profile: Profile) -> list[bytes]:
        """Return form and query, in the order in which a parameter is looked for."""
        query = profile.split(self.request.target)[1]
        kind = header(self.request.headers, b"content-type") or b""
        has_form = self.request.method == b"POST" and kind.startswith(_FORM)
        return [self.request.body, query] if has_form else [query]

    def _parameter(self, name: bytes, profile: Profile) -> bytes | None:
        pairs = (pair for part in self._parts(profile) for pair in profile.pairs(part))
        return next((value for key, value in pairs if key == name), None)
