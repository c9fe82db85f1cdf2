"""What a recorded request carries: its payload, read as the legacy service reads it.

``pyingest``'s ``mochiweb`` profile follows the legacy library byte by byte, so its function for
a whole request tells which events legacy queues. Its ``strict`` profile and :data:`TOLERANT` tell
which ones a port queues, so that an event which only a port takes finds its request, too.
"""

import json
import re
from dataclasses import dataclass, replace

from compare.differing.canonical import Content, Unparsable, content, parse
from compare.quirks.payload import TO_STANDARD
from pyingest.ingest import ingest
from pyingest.message import Request, header
from pyingest.routing import ENDPOINTS, Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from pyingest.wire.term import Object, Term, Unreadable

UNSTAMPED = -86_399
"""Epoch seconds given to a request while it is read: an event with this time came without one."""

_STAMP = str(UNSTAMPED).encode()
_ROUTES = Routes()
_LIBRARY = re.compile(rb'"mp_lib":"([^"\\]{1,40})"')
_FOREIGN = re.compile(rb"\\u(?!00[0-7])")
_WRITERS = (b"GET", b"POST")


def _decode(data: bytes) -> Term | Unreadable:
    try:
        term: Term = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Unreadable(str(error))
    return term


def _encode(term: Term) -> bytes | None:
    try:
        return json.dumps(term, separators=(",", ":")).encode("ascii")
    except (ValueError, TypeError, RecursionError):
        return None


def _base64(data: bytes) -> bytes | None:
    return STRICT.base64(data.translate(TO_STANDARD))


TOLERANT = replace(STRICT, name="tolerant", base64=_base64, decode=_decode, encode=_encode)
"""A port with ``json`` on bytes: UTF-16, CESU-8, half characters, infinity, URL-safe base64."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """By what requests are told apart when asking where a difference comes from."""

    method: str
    library: str
    """The client library as the first event names it (``mp_lib``); empty if it doesn't."""
    charset: str
    """``ascii``, ``non-ASCII``, or ``beyond the BMP``."""
    batch: str
    """How many events: ``0``, ``1``, ``2-10``, ``11+``."""

    def described(self) -> list[tuple[str, str]]:
        """Return the attributes as names and values."""
        return [
            ("method", self.method),
            ("mp_lib", self.library or "not given"),
            ("charset", self.charset),
            ("batch size", self.batch),
        ]


@dataclass(frozen=True, slots=True)
class Carried:
    """One event that a request carries."""

    key: bytes
    """What the event and its request share; see :func:`link_key`."""
    body: bytes
    """The event as it would be queued, but for the time and address that a service sets."""
    ported: bool = False
    """Whether legacy does not queue it, but a straightforward port does."""
    alias_of: bytes | None = None
    """Legacy's key of the event that a port queues in this way (repeated keys)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One request, read."""

    endpoint: str
    """``track``, ``engage`` or ``other``."""
    token: str
    """Project token of the first event; empty if there is none."""
    carried: tuple["Carried", ...]
    """The events that a service queues of this request."""
    attributes: Attributes

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Link keys of the events that legacy queues."""
        return tuple(one.key for one in self.carried if not one.ported)


def read(request: Request) -> Reading:
    """Return what *request* carries. Never raises, whatever the bytes."""
    endpoint = endpoint_of(request)
    if endpoint == "other" or request.method not in _WRITERS:
        return Reading(endpoint, "", (), _attributes(request, ()))
    bodies = queued(request, MOCHIWEB)
    terms = [parse(body) for body in bodies]
    token = token_of(terms[0]) if terms else ""
    repeats = any(has_repeats(term) for term in terms)
    keys = [link_key(content(term)) for term in terms]
    carried = [Carried(key, body) for key, body in zip(keys, bodies, strict=True)]
    if repeats or not bodies:
        carried += _ported(request, keys)
    return Reading(endpoint, token, tuple(carried), _attributes(request, bodies))


def _ported(request: Request, keys: list[bytes]) -> list[Carried]:
    """Return the events that only a port queues, or that it queues otherwise."""
    ported = _keyed(request, STRICT)
    if keys and len(ported) == len(keys):
        both = zip(ported, keys, strict=True)
        return [Carried(key, body, True, ours) for (key, body), ours in both if key != ours]
    tolerated = [] if keys else _keyed(request, TOLERANT)
    unique = {key: body for key, body in ported + tolerated if key not in keys}
    return [Carried(key, body, True) for key, body in unique.items()]


def _keyed(request: Request, profile: Profile) -> list[tuple[bytes, bytes]]:
    """Return the events that a service of this *profile* queues, each with its link key."""
    return [(link_key(content(parse(body))), body) for body in queued(request, profile)]


def endpoint_of(request: Request) -> str:
    """Return which service *request* asks for, by legacy's rules for paths."""
    endpoint = ENDPOINTS.get(MOCHIWEB.split(request.target)[0])
    return endpoint.value if endpoint else "other"


def queued(request: Request, profile: Profile) -> tuple[bytes, ...]:
    """Return the bodies of the events that a service of this *profile* queues for *request*."""
    decision = ingest(request, "127.0.0.1", UNSTAMPED, profile, _ROUTES)
    return tuple(event.body for event in decision.events)


def link_key(said: Content) -> bytes:
    """Return what an event and its request share: the content, and the time if a client set it."""
    return said.bare if said.time == _STAMP else said.bare + said.time


def token_of(term: Term) -> str:
    """Return the project token that an event names; empty if it names none."""
    if not isinstance(term, dict | Object):
        return ""
    holder = term.get("properties")
    found = holder.get("token") if isinstance(holder, dict | Object) else term.get("$token")
    return found if isinstance(found, str) else ""


DIALECT = ("endpoint", "method", "mp_lib", "content type", "charset", "batch size")
"""By what sorts of requests are told apart when asking which were seen."""


def dialect(request: Request, reading: Reading) -> tuple[str, ...]:
    """Return the sort of a request, in the order of :data:`DIALECT`."""
    kind = (header(request.headers, b"content-type") or b"").partition(b";")[0].strip().lower()
    told = reading.attributes
    return (
        reading.endpoint,
        told.method,
        told.library or "not given",
        kind.decode("latin-1")[:60] or "none",
        told.charset,
        told.batch,
    )


def stratum(attributes: Attributes) -> str:
    """Return the batch size by which events are counted apart; ``0`` counts as ``1``."""
    return attributes.batch if attributes.batch != "0" else "1"


def request_record(request: Request, reading: Reading) -> dict[str, object]:
    """Return what an expression can ask about a request."""
    target = request.target.decode("latin-1")
    told = reading.attributes
    kind = header(request.headers, b"content-type")
    agent = header(request.headers, b"user-agent")
    return {
        "method": told.method,
        "target": target,
        "path": target.partition("?")[0],
        "endpoint": reading.endpoint,
        "token": reading.token,
        "library": told.library,
        "charset": told.charset,
        "batch": told.batch,
        "events": len(reading.keys),
        "content_type": (kind or b"").decode("latin-1"),
        "user_agent": (agent or b"").decode("latin-1"),
    }


def has_repeats(term: Term | Unparsable | Unreadable) -> bool:
    """Say whether an object in *term* has a key twice."""
    todo: list[Term | Unparsable | Unreadable] = [term]
    while todo:
        item = todo.pop()
        if isinstance(item, Object):
            keys = [str(key) for key, _ in item.items()]
            if len(set(keys)) < len(keys):
                return True
        if isinstance(item, dict | Object):
            todo += [value for _, value in item.items()]
        elif isinstance(item, list):
            todo += item
    return False


def _attributes(request: Request, bodies: tuple[bytes, ...]) -> Attributes:
    method = request.method.decode("latin-1")
    library = _LIBRARY.search(bodies[0]) if bodies else None
    count = len(bodies)
    batch = str(count) if count < 2 else ("2-10" if count <= 10 else "11+")
    name = library[1].decode("utf-8", "replace") if library else ""
    return Attributes(method, name, _charset(bodies), batch)


def _charset(bodies: tuple[bytes, ...]) -> str:
    # Legacy writes ASCII only: what lies beyond it stands as an escape.
    if any(b"\\ud8" in body or b"\\ud9" in body or b"\\uda" in body for body in bodies):
        return "beyond the BMP"
    return "non-ASCII" if any(_FOREIGN.search(body) for body in bodies) else "ascii"
