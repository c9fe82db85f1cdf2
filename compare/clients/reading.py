"""What a client can make of an answer, and what the answer itself says."""

import enum
import json
from dataclasses import dataclass, field

from pyingest.message import Response


class Batch(enum.StrEnum):
    """What a client does with the data that it sent."""

    STORED = "takes the batch as stored"
    LOST = "drops the batch"
    """Though the answer does not say that it was stored, or the client cannot see that it does."""
    KEPT = "keeps the batch and sends it again"


class Shown(enum.IntEnum):
    """How loudly a client tells its caller; a higher number is louder."""

    NOTHING = 0
    LOGGED = 1
    ERROR = 2
    """The error that the library documents: a callback's argument, a return value, its class."""
    EXCEPTION = 3
    """Raised through the call that sent the event."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a client makes of one answer."""

    batch: Batch
    shown: Shown = Shown.NOTHING
    tries: int = 1
    """Requests that it makes at once for an answer like this, the first included."""
    wait: float = 0.0
    """Seconds that it waits before its next batch because the answer asked for them."""
    detail: str = field(default="", compare=False)


STORED = Reading(Batch.STORED)
KEPT = Reading(Batch.KEPT)
DROPPED = Reading(Batch.LOST)
ERROR = Reading(Batch.LOST, Shown.ERROR, detail="its documented error")
NOT_JSON = object()


def raised(what: str) -> Reading:
    """Return the reading of a client that gives up with the exception *what*."""
    return Reading(Batch.LOST, Shown.EXCEPTION, detail=f"raises {what}")


def parsed(body: bytes) -> object:
    """Return the JSON value in *body*, or ``NOT_JSON``."""
    try:
        value: object = json.loads(body, parse_constant=float_word)
    except (ValueError, RecursionError):
        return NOT_JSON
    return value


def float_word(word: str) -> float:
    """Refuse ``NaN`` and ``Infinity``, which only Python takes for JSON."""
    raise ValueError(word)


def refuses(response: Response | None) -> bool:
    """Return whether an answer says, or leaves open, that nothing was stored."""
    if response is None or not 200 <= response.status < 300:
        return True
    value = parsed(response.body)
    if not isinstance(value, dict):
        return is_number(value) and value == 0
    code = value.get("code", 200)
    return value.get("status") == 0 or (isinstance(code, int) and code >= 400)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
