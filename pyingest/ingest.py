"""The service as a function: a request in, events and an answer out."""

from dataclasses import dataclass

from pyingest import answers
from pyingest.clean import (
    Fields,
    engage_problem,
    is_object,
    stamp_engage,
    stamp_track,
    track_problem,
)
from pyingest.event import Event
from pyingest.message import Request, Response, header, joined
from pyingest.routing import ENDPOINTS, Endpoint, Routes
from pyingest.wire.profile import Profile
from pyingest.wire.term import IllFormed, Term, Unreadable

NO_DATA = "data, missing or empty"
NO_BASE64 = "data, invalid base64 encoding"
NO_JSON = "data, invalid JSON"
NO_OBJECT = "data, must be an object or a list of objects"
FAILED = "a temporary failure occurred"

FORM = b"application/x-www-form-urlencoded"
"""How the type of a body begins that holds parameters."""
_OFF = (b"", b"0", b"false")
_BLANKS = b"\t\n\r "
_RULES = {
    Endpoint.TRACK: (track_problem, stamp_track),
    Endpoint.ENGAGE: (engage_problem, stamp_engage),
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that will not be stored, for the dead letters and the counts."""

    endpoint: str
    """Empty: that of the request."""
    reason: str
    """What a client is told, for example ``token, missing or empty``."""
    body: bytes = b""
    """The record as far as it could be read, or the payload that could not."""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about one request."""

    events: tuple[Event, ...]
    """What must be stored before ``stored`` may be sent."""
    stored: Response
    """The answer when every event was stored (or there was none)."""
    refused: Response
    """The answer when one was not."""
    rejected: tuple[Rejected, ...] = ()
    """The records that will not be stored, whatever the queue says."""
    tokens: tuple[str, ...] = ()
    """The project of each of ``events``, in their order; empty where nobody asked for it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is added to the events of one request."""

    ip: str | IllFormed | None
    """``None`` adds no address."""
    second: int


def ingest(request: Request, peer: str, now: float, profile: Profile, routes: Routes) -> Decision:
    """Return what follows from *request*, which came from *peer* at *now* (epoch seconds).

    Never raises, whatever the bytes.
    """
    path, query = profile.split(request.target)
    endpoint = ENDPOINTS.get(path)
    method = request.method
    if method == b"OPTIONS":
        return _final(answers.preflight(request, now))
    if endpoint is None:
        missing = answers.refusal(request, now, 404)
        return _final(answers.without_body(missing) if method == b"HEAD" else missing)
    if method in (b"GET", b"POST"):
        parameters = _parameters(request, query, profile)
        stamp = Stamp(_address(request, peer, parameters, profile), int(now))
        made = records(endpoint, parameters.get(b"data"), stamp, routes.queue(endpoint), profile)
        origin = joined(request.headers, b"origin")
        return decided(made, origin, now, verbose=_on(parameters, b"verbose"))
    if method == b"HEAD":
        verbose = _on(_first(profile.pairs(query)), b"verbose")
        origin = joined(request.headers, b"origin")
        full = answers.answer(origin, now, verbose=verbose, problem=None, good=True)
        return _final(answers.without_body(full))
    return _final(answers.refusal(request, now, 405))


def _final(response: Response) -> Decision:
    return Decision((), response, response)


def records(
    endpoint: Endpoint, data: bytes | None, stamp: Stamp, queue: str, profile: Profile
) -> list[Event | str]:
    """Return what the ``data`` parameter holds: for each record its event, or what is wrong."""
    items = _items(data, profile)
    if isinstance(items, str):
        return [items]
    return [_event(endpoint, item, stamp, queue, profile) for item in items]


def decided(
    made: list[Event | str], origin: bytes | None, now: float, *, verbose: bool
) -> Decision:
    """Return what follows from the :func:`records` of a request; *origin* is its header."""
    events = tuple(item for item in made if isinstance(item, Event))
    problem = next((item for item in made if isinstance(item, str)), None)
    stored = answers.answer(origin, now, verbose=verbose, problem=problem, good=bool(events))
    rejected = tuple(Rejected("", item) for item in made if isinstance(item, str))
    if not events:
        return Decision((), stored, stored, rejected)
    refused = answers.answer(origin, now, verbose=verbose, problem=FAILED, good=False)
    return Decision(events, stored, refused, rejected)


def _parameters(request: Request, query: bytes, profile: Profile) -> dict[bytes, bytes]:
    """Return the first value of each name, a form's before the query's."""
    pairs = profile.pairs(query)
    if request.method == b"POST":
        kind = header(request.headers, b"content-type")
        if kind is not None and kind.startswith(FORM):
            pairs = profile.pairs(request.body) + pairs
    return _first(pairs)


def _first(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    return dict(reversed(pairs))


def _on(parameters: dict[bytes, bytes], name: bytes) -> bool:
    return parameters.get(name, b"") not in _OFF


def _address(
    request: Request, peer: str, parameters: dict[bytes, bytes], profile: Profile
) -> str | IllFormed | None:
    return profile.address(peer, request.headers) if _on(parameters, b"ip") else None


def _items(data: bytes | None, profile: Profile) -> list[Term] | str:
    """Return what the ``data`` parameter holds, as a list, or the problem with it."""
    if not data:
        return NO_DATA
    if data.lstrip(_BLANKS)[:1] in (b"{", b"["):
        text: bytes | None = data
    else:
        text = profile.base64(data)
    if text is None:
        return NO_BASE64
    term = profile.decode(text)
    if isinstance(term, Unreadable):
        return NO_JSON
    if isinstance(term, list):
        return term or NO_DATA
    return [term]


def _event(
    endpoint: Endpoint, item: Term, stamp: Stamp, queue: str, profile: Profile
) -> Event | str:
    """Return the message for *item*, or the problem with it."""
    if not is_object(item):
        return NO_OBJECT
    fields: Fields = item
    find_problem, put_stamp = _RULES[endpoint]
    problem = find_problem(fields)
    if problem is not None:
        return problem
    put_stamp(fields, stamp.ip, stamp.second)
    body = profile.encode(fields)
    return NO_JSON if body is None else Event(queue, body)
