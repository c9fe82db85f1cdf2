"""How the two services answered one request: status, body, and the headers that were chosen."""

from collections.abc import Sequence

from compare.differing.canonical import Unparsable, parse
from compare.differing.difference import LONGEST, Difference, Kind, differences
from pyingest.message import Response, header
from pyingest.wire.term import Object, Term
from shadow.exchange import Answered, Failed, Outcome


def response_differences(
    legacy: Outcome, candidate: Outcome, headers: Sequence[str]
) -> list[Difference]:
    """Return how the answers differ. *headers* are names in lower case, compared as they stand.

    Two bodies that are JSON objects or lists are compared as JSON.
    """
    match legacy, candidate:
        case Answered(ours), Answered(theirs):
            return _compare(ours, theirs, headers)
        case Failed(), Failed():
            return []
        case _:
            return [Difference(Kind.NO_ANSWER, "", _told(legacy), _told(candidate))]


def is_success(outcome: object) -> bool | None:
    """Say whether a service claimed to have stored something; ``None`` if it said neither.

    Success is the body ``1``, or a JSON object whose ``status`` is 1 (the two reply dialects).
    """
    if not isinstance(outcome, Answered):
        return None
    if outcome.response.status >= 400:
        return False
    body = outcome.response.body.strip()
    if body in (b"1", b"0"):
        return body == b"1"
    told = _container(body)
    status = told.get("status") if isinstance(told, dict) else None
    return status == 1 if isinstance(status, int) else None


def _compare(ours: Response, theirs: Response, headers: Sequence[str]) -> list[Difference]:
    found: list[Difference] = []
    if ours.status != theirs.status:
        found.append(Difference(Kind.STATUS, "status", str(ours.status), str(theirs.status)))
    if ours.body != theirs.body:
        found += _compare_bodies(ours.body, theirs.body)
    for name in headers:
        left, right = (header(one.headers, name.encode("latin-1")) for one in (ours, theirs))
        if left != right:
            found.append(Difference(Kind.HEADER, f"header:{name}", _line(left), _line(right)))
    return found


def _compare_bodies(ours: bytes, theirs: bytes) -> list[Difference]:
    left, right = _container(ours), _container(theirs)
    if left is None or right is None:
        return [Difference(Kind.BODY, "body", _line(ours), _line(theirs))]
    return [
        Difference(Kind.BODY, f"body.{one.path}".rstrip("."), one.legacy, one.candidate)
        for one in differences(left, right)
    ]


def _container(body: bytes) -> Term:
    """Return the JSON object or list that *body* is, or ``None``."""
    if body[:1] not in (b"{", b"["):
        return None
    term = parse(body)
    return (
        None if isinstance(term, Unparsable) or not isinstance(term, dict | list | Object) else term
    )


def _line(value: bytes | None) -> str | None:
    if value is None:
        return None
    shown = value[:LONGEST].decode("utf-8", "backslashreplace")
    return shown if len(value) <= LONGEST else shown[: LONGEST - 1] + "…"


def _told(outcome: Outcome) -> str:
    match outcome:
        case Answered(response):
            return f"answered {response.status}"
        case Failed(kind):
            return kind.value
