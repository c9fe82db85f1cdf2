"""How the clients in the field write a request: each dialect a function, oddities and all.

The forms are those of the published client libraries (browser, Python, Node, Ruby, PHP, Java,
Go, phones) and of the hand-written code of their time. A request is written as a front server
passes it on: ``Host`` and ``X-Forwarded-For`` first, nothing about the connection.
"""

import gzip
import json
from base64 import b64encode, encodebytes
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_plus

from pyingest.message import Headers, Request
from replay.analytics import Record, World

FORM = b"application/x-www-form-urlencoded"
_BROWSERS = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/124.0.0.0 Safari/537.36",
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/16.5 Safari/605.1.15",
    b"Mozilla/5.0 (X11; Linux x86_64; rv:105.0) Gecko/20100101 Firefox/105.0",
    b"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
    b"Opera/9.80 (Windows NT 6.1; U; en) Presto/2.9.168 Version/11.52",
)
_IPHONE = b"ExampleApp/1.3 CFNetwork/485.13.9 Darwin/11.0.0"
_PYTHON2 = b"Python-urllib/2.6"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a dialect writes a request from."""

    world: World
    at: float
    """Epoch seconds."""

    @property
    def random(self) -> Random:
        """Where chance comes from."""
        return self.world.random


Dialect = Callable[[Moment], Request]


def compact(value: object) -> bytes:
    """Return JSON as browsers write it: no blanks, letters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def ascii_only(value: object) -> bytes:
    """Return JSON as Python's ``json`` writes it by default."""
    return json.dumps(value).encode("ascii")


def escaped(data: bytes) -> bytes:
    """Return *data* as one field of a query or form, everything but letters and digits escaped."""
    return quote(data, safe="").encode("ascii")


# Carriers: how the text travels.


def get(
    moment: Moment, path: bytes, query: bytes, headers: Headers = (), method: bytes = b"GET"
) -> Request:
    """Return a request without a body."""
    return Request(method, path + b"?" + query, (*_front(moment), *headers))


def post(
    moment: Moment, target: bytes, body: bytes, kind: bytes = FORM, headers: Headers = ()
) -> Request:
    """Return a request with a body of the given media type."""
    length = (b"Content-Length", b"%d" % len(body))
    typed = (b"Content-Type", kind)
    return Request(b"POST", target, (*_front(moment), length, *headers, typed), body)


def in_query(moment: Moment, json_text: bytes) -> Request:
    """Return the text in base64 in a query, as a browser's GET has it."""
    query = b"data=%b&ip=1&_=%d" % (escaped(b64encode(json_text)), _stamp(moment))
    return get(moment, b"/track/", query, _browser(moment))


def in_form(moment: Moment, json_text: bytes) -> Request:
    """Return the text in base64 in a form."""
    return post(moment, b"/track/", b"data=" + escaped(b64encode(json_text)))


def carried(moment: Moment, json_text: bytes) -> Request:
    """Return the text in one of the usual carriers."""
    return (in_query if moment.random.random() < 0.5 else in_form)(moment, json_text)


# Libraries.


def browser_batch(moment: Moment) -> Request:
    """A browser posts what gathered, in base64."""
    target = b"/track/?verbose=1&ip=1&_=%d" % _stamp(moment)
    body = b"data=" + escaped(b64encode(compact(batch(moment))))
    return post(moment, target, body, headers=_browser(moment))


def browser_plain(moment: Moment) -> Request:
    """A browser posts one event as JSON in a form."""
    target = b"/track/?ip=1&_=%d" % _stamp(moment)
    body = b"data=" + escaped(compact(one(moment)))
    return post(moment, target, body, headers=_browser(moment))


def browser_get(moment: Moment) -> Request:
    """A browser sends one event as a GET."""
    return in_query(moment, compact(one(moment)))


def python(moment: Moment) -> Request:
    """The Python library: plain JSON in a form, the flags in the body."""
    update = moment.random.random() < 0.2
    record: object = moment.world.update(moment.at) if update else events(moment)
    text = json.dumps(record, separators=(",", ":"))
    body = b"data=" + quote_plus(text).encode("ascii") + b"&verbose=1&ip=0"
    target = b"/engage" if update else b"/track"
    headers = ((b"User-Agent", b"python-requests/2.34.2"), (b"Accept", b"*/*"))
    return post(moment, target, body, headers=headers)


def node(moment: Moment) -> Request:
    """The Node library: one event or update as a GET, flags first."""
    update = moment.random.random() < 0.25
    record = moment.world.update(moment.at) if update else one(moment)
    verbose = b"verbose=%d" % (moment.random.random() < 0.3)
    data = escaped(b64encode(compact(record)))
    path = b"/engage" if update else b"/track"
    return get(moment, path, b"ip=0&" + verbose + b"&data=" + data)


def node_batch(moment: Moment) -> Request:
    """The Node library's batch: base64 not escaped, so a form reader makes ``+`` a blank."""
    body = b"data=" + b64encode(compact(batch(moment)))
    return post(moment, b"/track?ip=0&verbose=0", body)


def ruby(moment: Moment) -> Request:
    """The Ruby library: base64 in a form, milliseconds."""
    record = one(moment)
    record["properties"]["time"] = int(moment.at * 1000)
    body = b"data=" + escaped(b64encode(ascii_only(record))) + b"&verbose=1"
    return post(moment, b"/track", body, headers=((b"User-Agent", b"Ruby"),))


def java(moment: Moment) -> Request:
    """The Java library: a list in base64, a charset after the media type."""
    body = b"data=" + escaped(b64encode(compact(batch(moment, 10))))
    headers = ((b"User-Agent", b"Java/17.0.9"),)
    return post(moment, b"/track?ip=0", body, FORM + b";charset=utf8", headers)


def php(moment: Moment) -> Request:
    """The PHP library: a list in base64, not escaped."""
    body = b"data=" + b64encode(ascii_only([one(moment)]))
    return post(moment, b"/track", body, headers=((b"Accept", b"*/*"),))


def go(moment: Moment) -> Request:
    """The Go library: a JSON body, which a service of 2011 does not take."""
    headers: Headers = ((b"User-Agent", b"Go-http-client/1.1"),)
    body = compact(batch(moment, 4))
    if moment.random.random() < 0.2:
        body, headers = gzip.compress(body, 6, mtime=0), (*headers, (b"Content-Encoding", b"gzip"))
    return post(moment, b"/track?verbose=1", body, b"application/json", headers)


def engage_browser(moment: Moment) -> Request:
    """A browser changes profiles."""
    updates = [moment.world.update(moment.at) for _ in range(moment.random.randint(1, 3))]
    target = b"/engage/?verbose=1&ip=1&_=%d" % _stamp(moment)
    body = b"data=" + escaped(b64encode(compact(updates)))
    return post(moment, target, body, headers=_browser(moment))


def iphone_2011(moment: Moment) -> Request:
    """The first iPhone library: the flag in the form, before the data."""
    body = b"ip=1&data=" + escaped(b64encode(compact(batch(moment, 8))))
    return post(moment, b"/track/", body, headers=((b"User-Agent", _IPHONE),))


def pixel(moment: Moment) -> Request:
    """An image in a mail."""
    query = b"data=%b&ip=1&img=1" % escaped(b64encode(compact(one(moment))))
    return get(moment, b"/track/", query, _browser(moment))


def jsonp(moment: Moment) -> Request:
    """A script element of an old browser."""
    query = b"data=%b&ip=1&callback=mixpanel._jsc[%d]&_=%d"
    data = escaped(b64encode(compact(one(moment))))
    values = (data, moment.random.randrange(1000), _stamp(moment))
    return get(moment, b"/track/", query % values, _browser(moment))


def beacon(moment: Moment) -> Request:
    """A browser that leaves the page: a form that is not called one."""
    body = b"data=" + escaped(b64encode(compact(batch(moment, 5))))
    target = b"/track/?verbose=1&ip=1&_=%d" % _stamp(moment)
    return post(moment, target, body, b"text/plain;charset=UTF-8", _browser(moment))


def preflight(moment: Moment) -> Request:
    """A browser asks whether it may post with headers of its own."""
    asked = (b"Access-Control-Request-Method", b"POST")
    named = (b"Access-Control-Request-Headers", b"x-custom-%d" % moment.random.randrange(10**9))
    query = b"verbose=1&ip=1&_=%d" % _stamp(moment)
    headers = (*_browser(moment), asked, named)
    return get(moment, b"/track/", query, headers, b"OPTIONS")


def link_check(moment: Moment) -> Request:
    """A scanner looks where a pixel in a mail leads to."""
    query = b"data=%b&ip=1&img=1" % escaped(b64encode(compact(one(moment))))
    headers = ((b"User-Agent", b"Mozilla/5.0 (compatible; LinkScan/1.0)"),)
    return get(moment, b"/track/", query, headers, b"HEAD")


def unescaped_get(moment: Moment) -> Request:
    """A snippet that puts plain base64 into a query: ``+`` arrives as a blank."""
    return get(moment, b"/track/", b"data=" + b64encode(compact(one(moment))) + b"&ip=1")


def python2(moment: Moment) -> Request:
    """Python 2's ``encode("base64")``: a line break every 76 letters."""
    data = escaped(encodebytes(ascii_only(one(moment))))
    headers = ((b"User-Agent", _PYTHON2),)
    if moment.random.random() < 0.5:
        return get(moment, b"/track/", b"data=" + data, headers)
    return post(moment, b"/track/", b"data=" + data, headers=headers)


def semicolons(moment: Moment) -> Request:
    """Parameters set apart by ``;``, as HTML 4 (appendix B.2.2) advised."""
    data = escaped(b64encode(compact(one(moment))))
    return get(moment, b"/track/", b"ip=1;verbose=1;data=" + data, _browser(moment))


def proxy_chain(moment: Moment) -> Request:
    """A client behind proxies: the service takes the last address."""
    chain = ", ".join(moment.world.address() for _ in range(moment.random.randint(2, 3)))
    request = in_query(moment, compact(one(moment)))
    headers = tuple(
        (name, chain.encode() if name == b"X-Forwarded-For" else value)
        for name, value in request.headers
    )
    return Request(request.method, request.target, headers)


def one(moment: Moment) -> Record:
    """Return one event."""
    return moment.world.event(moment.at, 6)


def batch(moment: Moment, most: int = 50) -> list[Record]:
    """Return a list of events: mostly few, now and then *most*."""
    wanted = 1 + int(moment.random.expovariate(0.6))
    size = most if moment.random.random() < 0.004 else min(wanted, most)
    return [moment.world.event(moment.at) for _ in range(size)]


def events(moment: Moment) -> Record | list[Record]:
    """Return one event, or a list of them."""
    return batch(moment) if moment.random.random() < 0.15 else one(moment)


def _stamp(moment: Moment) -> int:
    return int(moment.at * 1000)


def _front(moment: Moment) -> Headers:
    address = moment.world.address().encode()
    return ((b"Host", b"api.example.test"), (b"X-Forwarded-For", address))


def _browser(moment: Moment) -> Headers:
    page = moment.world.page().encode()
    site = page[: page.index(b"/", 8)]
    agent = moment.random.choice(_BROWSERS)
    return ((b"Referer", page), (b"Origin", site), (b"User-Agent", agent), (b"Accept", b"*/*"))
