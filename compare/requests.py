"""What a recorded request carries: its payload, read as the legacy service reads it.

``pyingest``'s ``mochiweb`` profile follows the legacy library byte by byte, so its function for
a whole request tells which events legacy queues. Its ``strict`` profile and :data:`TOLERANT` tell
which ones a port queues, so that an event which only a port takes finds its request, too.
"""

import json
import re
from dataclasses import dataclass, replace

from compare.canonical import Content, Unparsable, content, parse
from compare.payload import TO_STANDARD
from pyingest.ingest import ingest
from pyingest.message import Request
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


@dataclass(frozen=True, slots=True)
class Reading:
    """One request, read."""

    endpoint: str
    """``track``, ``engage`` or ``other``."""
    token: str
    """Project token of the first event; empty if there is none."""
    keys: tuple[bytes, ...]
    """Link keys of the events that legacy queues of this request."""
    port_keys: tuple[bytes, ...]
    """Link keys of the events that only a port queues of it."""
    aliases: tuple[tuple[bytes, bytes], ...]
    """Link keys of events that a port queues otherwise (repeated keys), with legacy's for each."""
    attributes: Attributes


def read(request: Request) -> Reading:
    """Return what *request* carries. Never raises, whatever the bytes."""
    endpoint = endpoint_of(request)
    if endpoint == "other" or request.method not in _WRITERS:
        return Reading(endpoint, "", (), (), (), _attributes(request, ()))
    bodies = queued(request, MOCHIWEB)
    terms = [parse(body) for body in bodies]
    token = token_of(terms[0]) if terms else ""
    repeats = any(has_repeats(term) for term in terms)
    keys = tuple(link_key(content(term)) for term in terms)
    port_keys: tuple[bytes, ...] = ()
    aliases: tuple[tuple[bytes, bytes], ...] = ()
    if repeats or not bodies:
        ported = _link_keys(request, STRICT)
        if keys and len(ported) == len(keys):
            aliases = tuple(both for both in zip(ported, keys, strict=True) if both[0] != both[1])
        else:
            tolerated = () if keys else _link_keys(request, TOLERANT)
            port_keys = tuple(dict.fromkeys(key for key in ported + tolerated if key not in keys))
    return Reading(endpoint, token, keys, port_keys, aliases, _attributes(request, bodies))


def _link_keys(request: Request, profile: Profile) -> tuple[bytes, ...]:
    return tuple(link_key(content(parse(body))) for body in queued(request, profile))


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


def described(attributes: Attributes) -> list[tuple[str, str]]:
    """Return attributes as name and value."""
    return [
        ("method", attributes.method),
        ("mp_lib", attributes.library or "not given"),
        ("charset", attributes.charset),
        ("batch size", attributes.batch),
    ]


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
