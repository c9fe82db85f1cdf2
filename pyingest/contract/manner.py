"""How a client wants to hear of its request, and the words of each such manner."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyingest.contract.callback import is_callback
from pyingest.contract.fields import is_on
from pyingest.contract.outcome import SOME_FAILED, Outcome, Problem
from pyingest.contract.redirect import location
from pyingest.contract.replies import (
    CHALLENGE,
    GIF,
    JSON,
    REASONS,
    SCRIPT,
    TEXT,
    respond,
    retry_after,
)
from pyingest.message import Headers, Response
from pyingest.routing import Endpoint

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
"""A transparent GIF of one pixel."""


class Form(enum.Enum):
    """The shape of an answer."""

    LEGACY = "legacy"
    """``1`` or ``0``, or with ``verbose`` an object with ``error`` and ``status``."""
    IMPORT = "import"
    """The modern object of ``/import?strict=1``, with an HTTP status that tells."""
    PROFILES = "profiles"
    """The same for profiles, where clients need ``status`` to be a number."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one client wants to hear."""

    form: Form = Form.LEGACY
    verbose: bool = False
    counting: bool = False
    """Whether the verbose object says how many records were imported."""
    test: bool = False
    """The old test mode: failures are told as if ``verbose`` were set."""
    image: bool = False
    callback: bytes = b""
    location: bytes = b""


PLAIN = Manner()
_VERBOSE = Manner(verbose=True)
_SIGNS = frozenset((b"redirect", b"img", b"callback", b"strict", b"test"))


def manner(
    parameters: Mapping[bytes, bytes], endpoint: Endpoint | None, hosts: frozenset[str]
) -> Manner:
    """Return how the client wants to hear; redirects may lead to *hosts*."""
    verbose = is_on(parameters.get(b"verbose"))
    if endpoint is not Endpoint.IMPORT and _SIGNS.isdisjoint(parameters):
        return _VERBOSE if verbose else PLAIN
    callback = parameters.get(b"callback", b"")
    return Manner(
        form=_form(parameters, endpoint),
        verbose=verbose,
        counting=endpoint is Endpoint.IMPORT,
        test=is_on(parameters.get(b"test")),
        image=is_on(parameters.get(b"img")),
        callback=callback if is_callback(callback) else b"",
        location=location(parameters.get(b"redirect", b""), hosts) or b"",
    )


def _form(parameters: Mapping[bytes, bytes], endpoint: Endpoint | None) -> Form:
    if endpoint in (None, Endpoint.TRACK) or not is_on(parameters.get(b"strict")):
        return Form.LEGACY
    return Form.IMPORT if endpoint is Endpoint.IMPORT else Form.PROFILES


def say(
    outcome: Outcome,
    to: Manner,
    origin: bytes | None,
    now: float,
    *,
    wait: int = 0,
    more: Headers = (),
) -> Response:
    """Return *outcome* as an answer; *wait* is what ``Retry-After`` says, 0 for no such header."""
    status, kind, body = _worded(outcome, to)
    if wait:
        more += retry_after(wait)
    if status == 401:
        more += CHALLENGE
    if to.location:
        # A person who followed a link is to get there, whatever became of the event.
        more = ((b"Location", to.location),)
        return respond(302, TEXT, b"1" if outcome.good else b"0", origin, now, more)
    if to.image or to.callback:
        # Images and scripts of an error are not shown, not run: only "later" is told by status.
        if status != 429 and status < 500:
            status, more = 200, ()
        if to.image:
            return respond(status, GIF, PIXEL, origin, now, more)
        # The comment keeps a file of some other kind from starting with a chosen name.
        kind, body = SCRIPT, b"/**/%b(%b);" % (to.callback, body)
    return respond(status, kind, body, origin, now, more)


def _worded(outcome: Outcome, to: Manner) -> tuple[int, bytes, bytes]:
    """Return status, content type and body."""
    if to.form is not Form.LEGACY:
        return _strict(outcome, to)
    failed = not outcome.good
    if not (to.verbose or (to.test and failed)):
        return outcome.status, TEXT, b"0" if failed else b"1"
    if failed:
        return outcome.status, JSON, _failure(outcome.error)
    if outcome.error is None and not to.counting:
        return outcome.status, JSON, b'{"error":null,"status":1}'
    return outcome.status, JSON, _encoded(_verbose(outcome, to))


@lru_cache(maxsize=256)
def _failure(error: str | None) -> bytes:
    return _encoded({"error": error, "status": 0})


def _verbose(outcome: Outcome, to: Manner) -> dict[str, Any]:
    said: dict[str, Any] = {"error": outcome.error, "status": 1}
    if to.counting:
        said |= {"code": 200, "num_records_imported": outcome.good}
    if outcome.problems:
        said["num_good_events"] = outcome.good
        said["failed"] = [
            {"index": one.index, "error": one.refused.reason} for one in outcome.problems
        ]
    return said


def _strict(outcome: Outcome, to: Manner) -> tuple[int, bytes, bytes]:
    """Return the modern answer; bad data has a status of its own here, 400."""
    code = outcome.status
    if code != 200:
        return code, JSON, _strict_failure(code, outcome.error, to.form)
    said: dict[str, Any] = {"code": code}
    if outcome.error is not None:
        said["code"] = code = 400
        said["error"] = SOME_FAILED if outcome.problems else outcome.error
        said["failed_records"] = [_failed_record(one) for one in outcome.problems]
    elif to.form is Form.PROFILES:
        said["error"] = None
    said["num_records_imported"] = outcome.good
    said["status"] = _strict_status(code, to.form)
    return code, JSON, _encoded(said)


@lru_cache(maxsize=256)
def _strict_failure(code: int, error: str | None, form: Form) -> bytes:
    return _encoded({"code": code, "error": error, "status": _strict_status(code, form)})


def _strict_status(code: int, form: Form) -> str | int:
    return REASONS[code] if form is Form.IMPORT else int(code == 200)


def _failed_record(problem: Problem) -> dict[str, Any]:
    refused = problem.refused
    return {
        "index": problem.index,
        "insert_id": refused.insert_id,
        "$insert_id": refused.insert_id,
        "field": refused.field,
        "message": refused.message or refused.reason,
    }


def _encoded(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode("ascii")
