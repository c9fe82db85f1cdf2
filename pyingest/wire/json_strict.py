"""JSON as a straightforward Python port reads and writes it: simplejson, defaults, dicts."""

import simplejson

from pyingest.wire.term import Term, Unreadable


def decode(data: bytes) -> Term | Unreadable:
    """Return the value of the JSON text *data*; of repeated keys the last one stays."""
    try:
        return simplejson.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Unreadable(str(error))


def encode(term: Term) -> bytes | None:
    """Return compact JSON text in ASCII, or ``None`` if *term* cannot be written."""
    try:
        return simplejson.dumps(term, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError):
        return None
