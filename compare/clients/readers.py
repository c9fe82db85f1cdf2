"""How real client libraries read an answer, each as a function of status and body.

The rules were read in the clients' sources; docs/clients.md says which were also measured.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from compare.clients.reading import (
    DROPPED,
    ERROR,
    KEPT,
    NOT_JSON,
    STORED,
    Batch,
    Reading,
    Shown,
    is_number,
    parsed,
    raised,
    refuses,
)
from compare.clients.shapes import Shape, shape
from pyingest.message import Request, Response, header

Reads = Callable[[Response | None], Reading]
Sends = Callable[[Shape], bool]


@dataclass(frozen=True, slots=True)
class Reader:
    """One client library: which requests could be its own, and how it reads the answer."""

    name: str
    language: str
    made: Sends
    read: Reads

    def sends(self, request: Request) -> bool:
        """Return whether this client could have sent *request*."""
        return self.made(shape(request))

    def reads(self, response: Response | None) -> Reading:
        """Return what this client makes of *response*; ``None`` is no answer at all."""
        return self.read(response)


def done(response: Response | None) -> Reading:
    """Return the reading of a client that drops the batch whatever a refusal says."""
    return DROPPED if refuses(response) else STORED


def python(response: Response | None) -> Reading:
    """Python 5: JSON whose status equals 1; the HTTP status is not looked at."""
    value = NOT_JSON if response is None else parsed(response.body)
    if value is NOT_JSON:
        return ERROR
    if not isinstance(value, dict):
        return raised("TypeError")
    if value.get("status") == 1:
        return STORED
    return ERROR if "status" in value and "error" in value else raised("KeyError")


def python_tls(response: Response | None) -> Reading:
    """Python 5 over https: four more tries where its HTTP layer sees a reason for them."""
    if response is None or response.status >= 500:
        again = True
    else:
        asked = header(response.headers, b"retry-after") is not None
        again = asked and response.status in (413, 429)
    return Reading(Batch.LOST, Shown.ERROR, tries=5) if again else python(response)


def node(response: Response | None) -> Reading:
    """Node 0.24: the body is exactly ``1``; the HTTP status is not looked at."""
    return STORED if response is not None and response.body == b"1" else ERROR


def node_verbose(response: Response | None) -> Reading:
    """Node 0.24 with its verbose option: JSON whose status equals 1."""
    value = None if response is None else parsed(response.body)
    return STORED if isinstance(value, dict) and value.get("status") == 1 else ERROR


def browser_batch(response: Response | None) -> Reading:
    """Browser 2.83, queued: only 429, 413 and 5xx keep the batch."""
    if response is not None and (response.status in (413, 429) or response.status >= 500):
        return KEPT
    return done(response)


def browser_single(response: Response | None) -> Reading:
    """Browser 2.83 without its queue: ``Number(body)`` goes to the callback."""
    if response is None or response.status != 200:
        return ERROR
    value = parsed(response.body)
    return STORED if is_number(value) and value != 0 else ERROR


def ruby(response: Response | None) -> Reading:
    """Ruby 3.3: HTTP 200 and JSON whose status equals 1."""
    value = None if response is None or response.status != 200 else parsed(response.body)
    if is_number(value) or isinstance(value, list):
        return raised("TypeError")
    stored = isinstance(value, dict) and is_number(value.get("status")) and value["status"] == 1
    return STORED if stored else ERROR


def php(response: Response | None) -> Reading:
    """PHP 2.11 over curl: the trimmed body is ``1``; else the batch goes back to the queue."""
    if response is not None and response.body.strip(b" \t\n\r\0\x0b") == b"1":
        return STORED
    return Reading(Batch.KEPT, Shown.LOGGED, detail="flushes up to 10 times as it ends")


def go_track(response: Response | None) -> Reading:
    """Go 1.2 events: JSON whose status is an integer other than 0."""
    value = None if response is None else parsed(response.body)
    status = value.get("status") if isinstance(value, dict) else None
    whole = isinstance(status, int) and not isinstance(status, bool)
    return STORED if whole and status != 0 else ERROR


def go_people(response: Response | None) -> Reading:
    """Go 1.2 profiles, groups, aliases: HTTP 200 and a JSON number other than 0."""
    value = None if response is None or response.status != 200 else parsed(response.body)
    return STORED if is_number(value) and value != 0 else ERROR


def go_import(response: Response | None) -> Reading:
    """Go 1.2 import: HTTP 200 and a JSON object, even one that reports 0 records."""
    if response is None or response.status != 200:
        return ERROR
    return done(response) if isinstance(parsed(response.body), dict) else ERROR


def java(response: Response | None) -> Reading:
    """Java 1.7: the body equals ``1`` and the HTTP status is below 400."""
    if response is not None and response.status < 400 and response.body == b"1":
        return STORED
    return raised("an exception; the batch counts as failed")


def java_import(response: Response | None) -> Reading:
    """Java 1.7 import: as events, or JSON with status ``OK`` and code 200."""
    value = parsed(response.body) if response is not None and response.status < 400 else None
    if isinstance(value, dict) and (value.get("status"), value.get("code")) == ("OK", 200):
        return STORED
    return java(response)


def android(response: Response | None) -> Reading:
    """Android 8.9: any 2xx is success; the body is not looked at."""
    return done(response) if response is not None and 200 <= response.status < 300 else KEPT


def android_2012(response: Response | None) -> Reading:
    """Android 2012 to 2014: the lines of the body are just ``1``; no look at the HTTP status."""
    return STORED if response is not None and response.body.splitlines() == [b"1"] else KEPT


def iphone_2012(response: Response | None) -> Reading:
    """Objective-C 2012: drops the batch whenever there was an answer; logs when it is 0."""
    if response is None:
        return KEPT
    number = re.match(rb"\s*[+-]?(\d+)", response.body)
    if number is not None and int(number[1][:9]) != 0:
        return done(response)
    return Reading(done(response).batch, Shown.LOGGED)


def objective_c(response: Response | None) -> Reading:
    """Objective-C 5: only 5xx or no answer keeps the batch; waits as told, even on a 200."""
    if response is None or response.status >= 500:
        return Reading(Batch.KEPT, wait=asked_wait(response))
    return Reading(done(response).batch, wait=asked_wait(response))


def swift(response: Response | None) -> Reading:
    """Swift 6: HTTP 200 exactly; a body that is no integer, or 0, is only logged."""
    if response is None or response.status != 200:
        return Reading(Batch.KEPT, wait=asked_wait(response))
    whole = re.fullmatch(rb"[+-]?\d+", response.body)
    good = whole is not None and response.body.strip(b"+-0") != b""
    shown = Shown.NOTHING if good else Shown.LOGGED
    return Reading(done(response).batch, shown, wait=asked_wait(response))


def asked_wait(response: Response | None) -> float:
    """Return the seconds of ``Retry-After``, 0 when it is missing or not a number."""
    value = None if response is None else header(response.headers, b"retry-after")
    number = re.fullmatch(rb"\s*(\d{1,9}(\.\d{1,9})?)\s*", value or b"")
    return float(number[1]) if number else 0.0


READERS = (
    Reader("Java 1.7", "java", lambda s: s.java and s.path != "import", java),
    Reader("Java 1.7 import", "java", lambda s: s.java_import, java_import),
    Reader("Node 0.24", "node", lambda s: s.node and not s.verbose, node),
    Reader("Node 0.24 verbose", "node", lambda s: s.node and s.verbose, node_verbose),
    Reader("Python 5", "python", lambda s: s.python, python),
    Reader("Python 5 over https", "python", lambda s: s.python, python_tls),
    Reader("Ruby 3.3", "ruby", lambda s: s.ruby, ruby),
    Reader("PHP 2.11", "php", lambda s: s.php, php),
    Reader("Go 1.2", "go", lambda s: s.go_track, go_track),
    Reader("Go 1.2 profiles", "go", lambda s: s.go_people, go_people),
    Reader("Go 1.2 import", "go", lambda s: s.go_import, go_import),
    Reader("Browser 2.83", "browser", lambda s: s.browser and s.verbose, browser_batch),
    Reader("Browser 2.83 unqueued", "browser", lambda s: s.browser_single, browser_single),
    Reader("Android 8.9", "android", lambda s: s.android, android),
    Reader("Android 2012-2014", "android", lambda s: s.android_2012, android_2012),
    Reader("iPhone 2012", "ios", lambda s: s.iphone_2012, iphone_2012),
    Reader("Objective-C 5", "ios", lambda s: s.ios and not s.gzip, objective_c),
    Reader("Swift 6", "ios", lambda s: s.ios and (not s.gzip or s.path == "track"), swift),
)
"""Every client whose rule is known and that reads its answer at all."""
