"""What one line of an access log tells of one side: the request, and what came of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from pyingest.message import Request, Response
from replay.entry import Captured, Entry, Line, Logged, Malformed, Unreplayable
from replay.reconstruct import NO_BODY, rebuild
from shadow.exchange import Answered, Failed, Failure, Outcome

_NO_ANSWER = {499: Failure.RESET, 502: Failure.REFUSED, 504: Failure.TIMED_OUT}
"""What a front says itself when the service gave no answer; 499 is nginx's for a client that left
before."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One request, as one side's log tells it."""

    at: float
    """Epoch seconds."""
    id: bytes
    """What the front called it; empty when the log does not tell."""
    key: bytes
    """Digest of method, target and body: what makes requests the same."""
    request: Request | None
    """``None`` when the log does not hold the whole of it."""
    outcome: Outcome
    mirrored: bool = True
    """Whether the front meant to mirror it, as far as the log tells."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line of which nothing can be used."""

    where: str
    why: str


def heard(lines: Iterable[Line], where: str, side: str) -> Iterator[Heard | Unread]:
    """Yield what each line of *side*'s log, called *where*, tells.

    What the front refused never came to a service and is :class:`Unread`.
    """
    for number, line in enumerate(lines, 1):
        if isinstance(line, Captured):
            yield Unread(f"{where}:{number}", "a capture tells no answers; give an access log")
            continue
        entry = rebuild(line, number, where)
        if isinstance(entry, Malformed):
            yield Unread(entry.where, entry.why)
        elif isinstance(line, Logged):
            yield _heard(line, entry, f"{where}:{number}", side)


def _heard(line: Logged, entry: Entry | Unreplayable, where: str, side: str) -> Heard | Unread:
    if isinstance(entry, Unreplayable) and entry.why != NO_BODY:
        return Unread(where, entry.why)
    request = entry.request if isinstance(entry, Entry) else None
    outcome = outcome_of(line, side)
    return Heard(line.at, line.id, key_of(line), request, outcome, line.mirrored)


def key_of(line: Logged) -> bytes:
    """Return what two lines of the same request have in common."""
    digest = blake2b(line.method + b" " + line.target, digest_size=12)
    if line.body is not None:
        digest.update(b"\n" + line.body)
    return digest.digest()


def outcome_of(line: Logged, side: str) -> Outcome:
    """Return what came of a request. The answer's body and headers are in no log: they are empty.

    A front that could not reach the service answers by itself; that is a failure of the service.
    Where the log does not tell whose answer it was, 499, 502 and 504 are taken for the front's.
    """
    kind = _NO_ANSWER.get(line.status)
    if line.reached is False or (line.reached is None and kind is not None):
        return Failed(kind or Failure.REFUSED, f"the front said {line.status}", line.seconds)
    if line.status == 0:
        return Failed(Failure.RESET, f"{side}'s log has no status", line.seconds)
    return Answered(Response(line.status, b"", (), b""), line.seconds)
