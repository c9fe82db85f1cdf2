"""JSON values as both services see them: Python's own, and objects that a dict cannot hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

Term = Any
"""``dict`` or :class:`Object`, ``list``, ``str`` or :class:`IllFormed`, ``int``, ``float``,
``True``, ``False``, ``None``; and ``msgspec.Raw`` for a number whose text is already known.
"""


class IllFormed:
    """A string that is not UTF-8 (CESU-8, for one): it can be read, and cannot be written."""

    # No dataclass: msgspec would write one as an object, and must refuse this.
    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


class Object:
    """A JSON object in which keys repeat, or are no strings. Pairs stay in their order."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Term, Term]]) -> None:
        self.pairs = pairs

    def __eq__(self, other: object) -> bool:
        """Compare pair by pair, in order."""
        return isinstance(other, Object) and self.pairs == other.pairs

    __hash__ = None  # type: ignore[assignment]  # mutable, as the dict it stands in for

    def __repr__(self) -> str:
        """Show the pairs."""
        return f"Object({self.pairs!r})"

    def __contains__(self, key: str) -> bool:
        """Say whether a pair has *key*."""
        return any(name == key and isinstance(name, str) for name, _ in self.pairs)

    def get(self, key: str) -> Term:
        """Return the first value of *key*, or ``None``, as ``proplists:get_value`` does."""
        for name, value in self.pairs:
            if name == key and isinstance(name, str):
                return value
        return None

    def __setitem__(self, key: str, value: Term) -> None:
        """Append a pair for *key*."""
        self.pairs.append((key, value))

    def items(self) -> Iterator[tuple[Term, Term]]:
        """Give the pairs in their order."""
        return iter(self.pairs)


def made(pairs: list[tuple[Term, Term]]) -> "dict[str, Term] | Object":
    """Return *pairs* as a dict if it can hold them all, else as an :class:`Object`."""
    fields = {key: value for key, value in pairs if type(key) is str}
    return fields if len(fields) == len(pairs) else Object(pairs)


def is_integer(term: Term) -> bool:
    """Say whether *term* is a whole number; in Erlang neither ``1.0`` nor ``true`` is one."""
    if isinstance(term, Raw):
        return bytes(term).lstrip(b"-").isdigit()
    return isinstance(term, int) and not isinstance(term, bool)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The text is not what the reader takes for JSON."""

    reason: str
