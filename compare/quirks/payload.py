"""A recorded request taken apart for the question which oddity of its text is to blame."""

from dataclasses import dataclass
from functools import cached_property

from pyingest.message import Request, header
from pyingest.routing import ENDPOINTS, Endpoint
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile

BLANKS = b"\t\n\r "
TO_STANDARD = bytes.maketrans(b"-_", b"+/")
"""From the base64 alphabet for addresses to the common one."""
_FORM = b"application/x-www-form-urlencoded"
_OFF = (None, b"", b"0", b"false")
Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a service reads of a request's parameters."""

    data: bytes | None
    verbose: bool
    ip: bool


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class Payload:
    """What one request carries, as text."""

    request: Request

    @cached_property
    def data(self) -> bytes | None:
        """The ``data`` parameter as legacy finds it."""
        return self.known.data

    @cached_property
    def known(self) -> Parameters:
        """The parameters as legacy finds them."""
        return self.read(MOCHIWEB)

    @cached_property
    def ported(self) -> Parameters:
        """The parameters as a straightforward port finds them."""
        return self.read(STRICT)

    @cached_property
    def without_semicolons(self) -> Parameters:
        """The parameters as legacy would find them if ``;`` were a character like any other."""
        parts = [part.replace(b";", b"%3B") for part in self._parts(MOCHIWEB)]
        return _parameters([pair for part in parts for pair in MOCHIWEB.pairs(part)])

    @cached_property
    def without_blanks(self) -> Parameters:
        """The parameters as legacy would find them if one without a value did not count."""
        pairs = [pair for part in self._parts(MOCHIWEB) for pair in MOCHIWEB.pairs(part)]
        return _parameters([pair for pair in pairs if pair[1]])

    @cached_property
    def is_base64(self) -> bool:
        """Whether the parameter is not JSON as it stands."""
        return is_base64(self.data)

    @cached_property
    def text(self) -> bytes:
        """The JSON text, base64 undone if anybody can undo it; empty if there is none."""
        if not self.data or not self.is_base64:
            return self.data or b""
        standard = self.data.translate(TO_STANDARD)
        return MOCHIWEB.base64(standard) or STRICT.base64(self.data) or b""

    @cached_property
    def line(self) -> int:
        """Bytes of the request line."""
        request = self.request
        return len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n")

    @cached_property
    def parameters(self) -> bytes:
        """Query string and form body, undecoded."""
        return b"&".join(self._parts(MOCHIWEB))

    @property
    def endpoint(self) -> Endpoint | None:
        """What the request asks for, by legacy's rules for paths."""
        return ENDPOINTS.get(MOCHIWEB.split(self.request.target)[0])

    def is_served(self, profile: Profile) -> bool:
        """Say whether *profile* finds an endpoint."""
        return profile.split(self.request.target)[0] in ENDPOINTS

    def read(self, profile: Profile) -> Parameters:
        """Return the parameters as *profile* finds them."""
        return _parameters([pair for part in self._parts(profile) for pair in profile.pairs(part)])

    def _parts(self, profile: Profile) -> list[bytes]:
        """Return form and query, in the order in which a parameter is looked for."""
        query = profile.split(self.request.target)[1]
        kind = header(self.request.headers, b"content-type") or b""
        has_form = self.request.method == b"POST" and kind.startswith(_FORM)
        return [self.request.body, query] if has_form else [query]


def is_base64(data: bytes | None) -> bool:
    """Say whether *data* is neither absent nor JSON as it stands."""
    return bool(data) and (data or b"").lstrip(BLANKS)[:1] not in (b"{", b"[")


def _parameters(pairs: Pairs) -> Parameters:
    """Return what counts; of a name that comes twice, the first value does."""
    first = dict(reversed(pairs))
    on = first.get(b"verbose") not in _OFF, first.get(b"ip") not in _OFF
    return Parameters(first.get(b"data"), *on)
