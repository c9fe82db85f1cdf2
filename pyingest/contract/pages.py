"""What is answered besides the endpoints: what old clients, crawlers and browsers ask for."""

from collections.abc import Mapping

from pyingest.contract.fields import pairs, parameters
from pyingest.contract.manner import manner
from pyingest.contract.outcome import NO_PATH
from pyingest.contract.places import Page
from pyingest.contract.replies import JSON, SCRIPT, TEXT, respond
from pyingest.message import Response

_DECIDE = b'{"notifications":[],"surveys":[],"config":{"enable_collect_everything":false}}'
_MISSING = b'{"error":"%b","status":0}' % NO_PATH.encode("ascii")


def page(asked: Page, query: bytes, headers: Mapping[bytes, bytes], now: float) -> Response:
    """Return the page that was asked for."""
    origin = headers.get(b"origin")
    if asked is Page.ROBOTS:
        return respond(200, TEXT, b"User-agent: *\nDisallow: /\n", origin, now)
    if asked is Page.FAVICON:
        return respond(204, TEXT, b"", origin, now)
    callback = manner(parameters(pairs(query)), None, frozenset()).callback
    if callback:
        return respond(200, SCRIPT, b"/**/%b(%b);" % (callback, _DECIDE), origin, now)
    return respond(200, JSON, _DECIDE, origin, now)


def missing(headers: Mapping[bytes, bytes], now: float) -> Response:
    """Return 404: clients that ask for flags, settings and recordings carry on without."""
    return respond(404, JSON, _MISSING, headers.get(b"origin"), now)
