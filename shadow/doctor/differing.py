"""What differs between the bytes that went into the proxy and those that came out of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from shadow.doctor.framing import NotFramed, request_head, response_head

FORWARDED = b"x-forwarded-for"


@dataclass(frozen=True, slots=True)
class Change:
    """One line, or a body, that is not what it was. Empty: it is not there."""

    where: str
    """``first line``, ``header``, ``body`` or ``message``."""
    before: bytes
    after: bytes

    @property
    def name(self) -> bytes:
        """The header's name in lower case, if this is one."""
        line = self.after or self.before
        return line.partition(b":")[0].lower() if self.where == "header" else b""


def request_changes(sent: bytes, got: bytes) -> list[Change]:
    """Return how the request that a side *got* differs from the one that a client *sent*."""
    return [] if sent == got else _changes(sent, got, True)


def response_changes(said: bytes, heard: bytes) -> list[Change]:
    """Return how the answer that a client *heard* differs from what legacy *said*."""
    return [] if said == heard else _changes(said, heard, False)


def is_documented(change: Change, peer: str) -> bool:
    """Return whether *change* is the one that a proxy makes on purpose.

    That is ``X-Forwarded-For`` with the client's address *peer*: a line more, or the address
    behind those that the line had.
    """
    if change.name != FORWARDED or not change.after:
        return False
    address = peer.encode("ascii")
    if not change.before:
        return change.after == b"X-Forwarded-For: " + address
    return change.after == change.before + b", " + address


def matched(sent: Iterable[bytes], got: Iterable[bytes]) -> list[tuple[bytes | None, bytes | None]]:
    """Return which of *got* belongs to which of *sent*: ``None`` where one has no partner.

    Requests of one burst may reach a side over several connections, in any order: those that
    are alike but for the forwarding line are put together first, the rest in their order.
    """
    left = list(got)
    keys = [_key(raw) for raw in left]
    pairs: list[tuple[bytes | None, bytes | None]] = []
    without: list[int] = []
    for raw in sent:
        key = _key(raw)
        if key in keys:
            at = keys.index(key)
            keys.pop(at)
            pairs.append((raw, left.pop(at)))
        else:
            without.append(len(pairs))
            pairs.append((raw, None))
    for place in without:
        if left:
            pairs[place] = (pairs[place][0], left.pop(0))
    return [*pairs, *((None, raw) for raw in left)]


def _key(raw: bytes) -> bytes:
    """Return *raw* without its forwarding lines."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if b"orwarded" not in head and b"ORWARDED" not in head:
        return raw
    lines = head.split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].lower() != FORWARDED]
    return b"\r\n".join(kept) + end + body


def _changes(before: bytes, after: bytes, is_request: bool) -> list[Change]:
    read = request_head if is_request else response_head
    try:
        first, second = read(before), read(after)
    except NotFramed:
        first = second = None
    if first is None or second is None:
        return [Change("message", before, after)]
    changes = []
    if first.start != second.start:
        changes.append(Change("first line", first.start, second.start))
    changes += _line_changes(first.lines, second.lines)
    if before[first.size :] != after[second.size :]:
        changes.append(Change("body", before[first.size :], after[second.size :]))
    return changes


def _line_changes(before: tuple[bytes, ...], after: tuple[bytes, ...]) -> list[Change]:
    found = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        old, new = before[a:b], after[c:d]
        length = max(len(old), len(new))
        padded = [(*lines, *(b"",) * (length - len(lines))) for lines in (old, new)]
        found += [Change("header", *pair) for pair in zip(*padded, strict=True)]
    return found
