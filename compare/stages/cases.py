"""What differed, one line a finding: kept beside the reports, so that questions can be asked later.

A line holds what an expression can ask about (see ``expression``), and which causes it is part of.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from compare.differing.record import events_of, valued
from compare.pairing.finding import Finding
from shadow.segments import Cut, Segment, SegmentReader

NAME = "differences.jsonl.zst"
"""The file beside the reports."""
_encode = msgspec.json.Encoder().encode


class CaseLine(msgspec.Struct):
    """One finding."""

    n: int
    """Number of the exchange; 0 when none is known."""
    request: dict[str, Any]
    diff: list[dict[str, Any]]
    """``kind``, ``path``, ``legacy``, ``candidate``, ``quirk`` and the ``cause``'s signature."""
    titles: dict[str, str]
    """Titles of the causes, by signature."""
    legacy: str | None = None
    candidate: str | None = None
    """The events as text; bytes that are no UTF-8 stand as U+FFFD."""


_decode = msgspec.json.Decoder(CaseLine).decode


def case_line(
    finding: Finding,
    request: dict[str, object],
    diff: Sequence[dict[str, Any]],
    titles: dict[str, str],
) -> bytes:
    """Return one finding as a line, without its line end."""
    return _encode(
        {
            "n": finding.number,
            "request": request,
            "diff": diff,
            "titles": titles,
            "legacy": _text(finding.legacy),
            "candidate": _text(finding.candidate),
        }
    )


def roots_of(case: CaseLine, wanted: Iterable[str]) -> dict[str, object]:
    """Return those of the roots of an expression that are *wanted*."""
    record: dict[str, object] = {
        "diff": [valued(one) for one in case.diff],
        "request": case.request,
    }
    if not {"legacy", "candidate", "properties"}.isdisjoint(wanted):
        record |= events_of(_bytes(case.legacy), _bytes(case.candidate))
    return record


class CaseWriter:
    """Writes lines to a file, frame by frame."""

    def __init__(self, path: Path) -> None:
        self._segment = Segment(path)

    def add(self, line: bytes) -> None:
        """Write *line*, sooner or later."""
        self._segment.append(line)
        if self._segment.waiting_bytes > 1 << 20:
            self._segment.flush()

    def close(self) -> None:
        """Write what still waits."""
        self._segment.flush()


def read_cases(path: Path) -> Iterable[CaseLine]:
    """Yield the lines of a file, but for its first, which says what it belongs to.

    :raises Cut: the file is damaged.
    """
    reader = SegmentReader(path)
    first = True
    while lines := reader.more():
        for line in lines[first:]:
            yield _decode(line)
        first = False
    if reader.is_in_frame:
        raise Cut(f"{path}: cut short")


def first_line(path: Path) -> bytes:
    """Return the first line of a file, which says what it belongs to; empty if there is none."""
    try:
        lines = SegmentReader(path).more()
    except Cut:
        return b""
    return lines[0] if lines else b""


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")
