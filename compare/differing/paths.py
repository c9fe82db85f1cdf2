"""Paths that occur in differences, and which of their parts are keys of a map."""

from collections.abc import Iterable
from dataclasses import dataclass, field

MANY_KEYS = 50
"""An object in which more keys than this differ is a map; its keys stand as ``*`` in paths."""


@dataclass(slots=True)
class Paths:
    """Remembers of each object up to 51 keys that differed: enough to tell a map."""

    children: dict[str, set[str]] = field(default_factory=dict)

    def add(self, paths: Iterable[str]) -> None:
        """Take note of *paths*."""
        for path in paths:
            parts = path.split(".")
            for depth in range(1, len(parts)):
                self._note(".".join(parts[:depth]), (parts[depth],))

    def merge(self, other: "Paths") -> None:
        """Take note of all that *other* did."""
        for parent, keys in other.children.items():
            self._note(parent, keys)

    def template(self, path: str) -> str:
        """Return *path* with the keys of maps as ``*``."""
        parts = path.split(".")
        shown = parts[:1]
        for depth in range(1, len(parts)):
            shown.append("*" if self._is_map(".".join(parts[:depth])) else parts[depth])
        return ".".join(shown)

    def _note(self, parent: str, keys: Iterable[str]) -> None:
        known = self.children.setdefault(parent, set())
        for key in keys:
            if len(known) > MANY_KEYS:
                return
            known.add(key)

    def _is_map(self, parent: str) -> bool:
        return len(self.children.get(parent, ())) > MANY_KEYS
