"""What texts look like, learned so that it can be merged: length, skeleton, letters.

A skeleton is the runs of letters and digits between punctuation marks, which stand for themselves:
a UUID is five runs and four hyphens. Texts of one skeleton give a pattern with the length of each
run; texts of several give the letters that occur, in any order. A further text never makes the
set of texts that fit smaller, and the order of merging does not matter (a join-semilattice).
"""

import re
from dataclasses import dataclass

MOST_PARTS = 24
"""A text of more runs and marks than this is prose; it has no skeleton."""

_RUN = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+|[^0-9A-Za-z\x80-\U0010ffff]", re.DOTALL)
_CLASSES = (
    ("0-9", "0", "9"),
    ("A-F", "A", "F"),
    ("G-Z", "G", "Z"),
    ("a-f", "a", "f"),
    ("g-z", "g", "z"),
)
_HARMLESS = "-#&~ "
"""Marks that need a backslash between brackets, or in verbose patterns, only."""
_WIDE = "\\x80-\\U0010ffff"
_WHOLE = (("A-FG-Z", "A-Z"), ("a-fg-z", "a-z"))

Letters = frozenset[str]
"""Classes of letters by their texts in a pattern, and escaped marks."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run, or one mark, of all texts of a skeleton."""

    letters: Letters
    least: int
    most: int
    mark: str = ""
    """The mark itself; empty for a run."""


@dataclass(frozen=True, slots=True)
class TextShape:
    """The texts seen so far."""

    least: int
    most: int
    """Shortest and longest, in characters."""
    letters: Letters
    parts: tuple[Part, ...] | None
    """``None``: the texts have no skeleton in common."""

    def merge(self, other: "TextShape") -> "TextShape":
        """Return the shape of the texts of both."""
        return TextShape(
            min(self.least, other.least),
            max(self.most, other.most),
            self.letters | other.letters,
            _merged(self.parts, other.parts),
        )

    @property
    def pattern(self) -> str:
        """Return a regular expression that every text seen matches from end to end."""
        if self.parts is None:
            return f"[{_listed(self.letters)}]*"
        return "".join(map(_part_pattern, self.parts))

    @property
    def length(self) -> tuple[int, int] | None:
        """Return least and most characters; ``None`` where the pattern says as much."""
        if self.parts is not None:
            said = sum(part.least for part in self.parts), sum(part.most for part in self.parts)
            if said == (self.least, self.most):
                return None
        return self.least, self.most

    @property
    def ends(self) -> int:
        """Return how many single texts can have set a bound: lengths, letters, runs."""
        runs = [part for part in self.parts or () if not part.mark]
        return 2 + sum(2 + len(part.letters) for part in runs) if runs else 2 + len(self.letters)


def shape_of(text: str) -> TextShape:
    """Return the shape of one text."""
    pieces: list[str] = _RUN.findall(text)
    parts = tuple(map(_part, pieces)) if len(pieces) <= MOST_PARTS else None
    return TextShape(len(text), len(text), _letters(text), parts)


def _part(piece: str) -> Part:
    letters = _letters(piece)
    return Part(letters, len(piece), len(piece), "" if _is_run(piece) else piece)


def _is_run(piece: str) -> bool:
    return piece[0] >= "\x80" or piece[0].isalnum()


def _letters(text: str) -> Letters:
    return frozenset(map(_class_of, set(text)))


def _class_of(letter: str) -> str:
    if letter >= "\x80":
        return _WIDE
    found = (name for name, low, high in _CLASSES if low <= letter <= high)
    return next(found, re.escape(letter) if letter != "-" else "\\-")


def _merged(
    ours: tuple[Part, ...] | None, theirs: tuple[Part, ...] | None
) -> tuple[Part, ...] | None:
    if ours is None or theirs is None or len(ours) != len(theirs):
        return None
    parts: list[Part] = []
    for one, other in zip(ours, theirs, strict=True):
        if one.mark != other.mark:
            return None
        least, most = min(one.least, other.least), max(one.most, other.most)
        parts.append(Part(one.letters | other.letters, least, most, one.mark))
    return tuple(parts)


def _part_pattern(part: Part) -> str:
    if part.mark:
        return part.mark if part.mark in _HARMLESS else re.escape(part.mark)
    if part.least == part.most:
        times = "" if part.least == 1 else f"{{{part.least}}}"
    else:
        times = f"{{{part.least},{part.most}}}"
    return f"[{_listed(part.letters)}]{times}"


def _listed(letters: Letters) -> str:
    """Return what stands between the brackets; a class that nothing is in matches nothing."""
    text = "".join(sorted(letters)) or "\\x00"
    for split, whole in _WHOLE:
        text = text.replace(split, whole)
    return text
