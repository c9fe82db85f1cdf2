"""The modern contract as a function: a request in, events and an answer out."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyingest.answers import without_body
from pyingest.cleaning.record import Circumstances
from pyingest.contract import credentials
from pyingest.contract.client_address import client_address
from pyingest.contract.faults import malformed, not_served
from pyingest.contract.fields import is_on
from pyingest.contract.judging import judge
from pyingest.contract.manner import Form, Manner, manner, say
from pyingest.contract.outcome import (
    FAILED,
    NO_CREDENTIAL,
    NO_EXPECTATION,
    NO_VERSION,
    Fault,
    Outcome,
)
from pyingest.contract.pages import missing, page
from pyingest.contract.payload import Payload, find
from pyingest.contract.places import Page, split
from pyingest.contract.records import records
from pyingest.contract.replies import preflight
from pyingest.contract.settings import ContractSettings
from pyingest.ingest import Decision, Rejected
from pyingest.message import Request, Response, combined
from pyingest.routing import Endpoint

_UNAVAILABLE = Outcome(fault=Fault(FAILED, 503))
_REFUSED = Outcome(fault=Fault(NO_CREDENTIAL, 401))
_LONGEST_ID = 128
_CONTINUE = b"100-continue"
_READ = (b"GET", b"POST", b"HEAD")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, taken apart."""

    endpoint: Endpoint
    payload: Payload
    headers: Mapping[bytes, bytes]
    manner: Manner
    peer: str
    now: float


def answer(request: Request, peer: str, now: float, settings: ContractSettings) -> Decision:
    """Return what follows from *request*, which came from *peer* at *now* (epoch seconds)."""
    headers = combined(request.headers)
    if request.version == b"0.9":
        return _final(malformed(400, NO_VERSION, now))
    if headers.get(b"expect", _CONTINUE).lower() != _CONTINUE:
        return _final(malformed(417, NO_EXPECTATION, now, headers.get(b"origin")))
    if request.method == b"OPTIONS":
        return _final(preflight(headers, now))
    path, query = split(request.target)
    place = settings.places.get(path)
    if place is None:
        return _final(missing(headers, now))
    if request.method not in _READ:
        return _final(not_served(request, now, settings))
    if isinstance(place, Page):
        decision = _final(page(place, query, headers, now))
    else:
        body = request.body if request.method == b"POST" else b""
        payload = find(query, headers, body, settings.limits.body)
        to = manner(payload.parameters, place, settings.redirect_hosts)
        decision = _served(_Asked(place, payload, headers, to, peer, now), settings)
    if request.method == b"HEAD":
        # Whoever looks whether a link works (mail scanners do) is not the one it was sent to.
        return _final(without_body(decision.stored))
    return decision


def _final(response: Response, rejected: tuple[Rejected, ...] = ()) -> Decision:
    return Decision((), response, response, rejected)


def _served(asked: _Asked, settings: ContractSettings) -> Decision:
    project = _project(asked, settings)
    if project is None:
        return _final(_said(_REFUSED, asked))
    payload = asked.payload
    found = records(payload, settings)
    if isinstance(found, Fault):
        rejected = Rejected(asked.endpoint.value, found.error, payload.raw)
        return _final(_said(Outcome(fault=found), asked), (rejected,))
    judged = judge(found, _around(asked, project, settings), settings)
    stored = _said(judged.outcome, asked)
    if not judged.events:
        return _final(stored, judged.rejected)
    refused = _said(_UNAVAILABLE, asked, settings.retry_after)
    return Decision(judged.events, stored, refused, judged.rejected, judged.tokens)


def _said(outcome: Outcome, asked: _Asked, wait: int = 0) -> Response:
    return say(outcome, asked.manner, asked.headers.get(b"origin"), asked.now, wait=wait)


def _project(asked: _Asked, settings: ContractSettings) -> str | None:
    """Return the project that the credential names, or ``None`` to refuse the request."""
    if asked.endpoint is not Endpoint.IMPORT:
        return ""
    return credentials.project(
        asked.payload.parameters,
        asked.headers.get(b"authorization"),
        settings.credentials,
        settings.authentication,
    )


def _around(asked: _Asked, project: str, settings: ContractSettings) -> Circumstances:
    parameters = asked.payload.parameters
    forwarded = asked.headers.get(b"x-forwarded-for")
    address = client_address(asked.peer, forwarded, settings.proxies)
    return Circumstances(
        endpoint=asked.endpoint,
        now=asked.now,
        address=address,
        use_address=is_on(parameters.get(b"ip")),
        strict=asked.manner.form is not Form.LEGACY,
        project=project,
        request_id=_request_id(asked.headers.get(b"x-request-id", b"")),
    )


def _request_id(given: bytes) -> str:
    text = given.decode("latin-1")
    return text if len(text) <= _LONGEST_ID and text.isascii() and text.isprintable() else ""
