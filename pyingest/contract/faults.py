"""Answers to requests of which nothing is taken, whatever they hold."""

from pyingest.contract.fields import pairs, parameters
from pyingest.contract.manner import Form, Manner, manner, say
from pyingest.contract.outcome import FAILED, NO_METHOD, TOO_FAST, TOO_FAST_IMPORT, Fault, Outcome
from pyingest.contract.places import split
from pyingest.contract.replies import ALLOW
from pyingest.contract.settings import ContractSettings
from pyingest.message import Headers, Request, Response, combined
from pyingest.routing import Endpoint


def unavailable(request: Request, now: float, settings: ContractSettings) -> Response:
    """Return 503 with ``Retry-After``: queue and spool are full, or the service ends."""
    return _told(request, now, settings, Fault(FAILED, 503), settings.retry_after)


def broken(request: Request, now: float, settings: ContractSettings) -> Response:
    """Return 500: the fault is ours."""
    return _told(request, now, settings, Fault(FAILED, 500))


def too_fast(request: Request, now: float, settings: ContractSettings, wait: int) -> Response:
    """Return the answer to a client beyond its rate, which may come again in *wait* seconds.

    503, since phones drop a batch at 429; 429 for strict imports, and where the settings say so.
    """
    to = _manner(request, settings)
    modern = to.form is Form.IMPORT
    status = 429 if modern or settings.too_many_requests else 503
    fault = Fault(TOO_FAST_IMPORT if modern else TOO_FAST, status)
    return _told(request, now, settings, fault, max(1, wait))


def malformed(status: int, error: str, now: float, origin: bytes | None = None) -> Response:
    """Return the answer to bytes that are no request one could read: 400, 408, 413, 414, 431."""
    return say(Outcome(fault=Fault(error, status)), Manner(verbose=True), origin, now)


def not_served(request: Request, now: float, settings: ContractSettings) -> Response:
    """Return 405, and what is served."""
    return _told(request, now, settings, Fault(NO_METHOD, 405), more=ALLOW)


def _manner(request: Request, settings: ContractSettings) -> Manner:
    """Return the manner by the target alone: what is refused need not be read."""
    path, query = split(request.target)
    place = settings.places.get(path)
    endpoint = place if isinstance(place, Endpoint) else None
    return manner(parameters(pairs(query)), endpoint, settings.redirect_hosts)


def _told(
    request: Request,
    now: float,
    settings: ContractSettings,
    fault: Fault,
    wait: int = 0,
    more: Headers = (),
) -> Response:
    origin = combined(request.headers).get(b"origin")
    to = _manner(request, settings)
    return say(Outcome(fault=fault), to, origin, now, wait=wait, more=more)
