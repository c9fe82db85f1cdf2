"""Rules shown at work: a record before and after, through the whole of the cleaning."""

import enum
import json
from dataclasses import dataclass, replace

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.json_tolerant import decode
from pyingest.cleaning.record import Circumstances, Dropped, Refused
from pyingest.cleaning.settings import CleaningSettings, Place
from pyingest.routing import Endpoint
from pyingest.wire.term import Term

NOW = 1795232317.22
_PLACES = {"136.24.0.114": Place("San Francisco", "California", "US")}
SETTINGS = CleaningSettings(locate=_PLACES.get, address_key=b"example", new_id=lambda: "3f" * 16)
_STAMPS = ("time", "$insert_id", "$time", "$distinct_id", "distinct_id", "event", "properties")


class Part(enum.Enum):
    """What of a record an example shows."""

    PROPERTIES = "properties"
    """An event's properties, before and after."""
    ENVELOPED = "enveloped"
    """An event's properties before, and the envelope after."""
    RECORD = "record"
    """The top level."""


@dataclass(frozen=True, slots=True)
class Example:
    """A record before and after one rule."""

    before: str
    """JSON text of the fields that matter; the others are there and good."""
    after: str
    """JSON text of what became of them, ``refused: `` and why, or ``dropped``."""
    endpoint: Endpoint = Endpoint.TRACK
    part: Part = Part.PROPERTIES
    strict: bool = False
    address: str = ""
    """The client's; given, the request said ``ip=1``."""


def shown(example: Example) -> str:
    """Return what ``clean`` makes of ``example.before``, in the form of ``example.after``.

    Fields that every record has are left out where ``example.after`` does not name them.
    """
    result = clean(_record(example), _circumstances(example), SETTINGS)
    match result:
        case Refused():
            return "refused: " + (result.message if example.strict else result.reason)
        case Dropped():
            return "dropped"
    body = json.loads(result.body)
    if example.part is Part.PROPERTIES:
        fields = body["properties"]
    else:
        fields = body["envelope"] if example.part is Part.ENVELOPED else body
    named = json.loads(example.after) if example.after.startswith("{") else {}
    hidden = {*_STAMPS, "envelope"} if example.part is not Part.ENVELOPED else fields.keys()
    left = {name: fields[name] for name in fields if name in named or name not in hidden}
    return json.dumps(left, ensure_ascii=False)


def _record(example: Example) -> Term:
    before: Term = decode(example.before.encode())
    if example.endpoint is Endpoint.ENGAGE:
        return {"$token": "t", "$distinct_id": "d"} | before
    own: dict[str, Term] = {"token": "t"}
    if example.strict:
        own |= {"distinct_id": "u", "time": 1795232000, "$insert_id": "i-1"}
    if example.part is Part.RECORD:
        return {"event": "e", "properties": own} | before
    return {"event": "e", "properties": own | before}


def _circumstances(example: Example) -> Circumstances:
    here = Circumstances(example.endpoint, NOW, strict=example.strict, request_id="r1")
    return replace(here, address=example.address, use_address=bool(example.address))
