"""What a store of aliases can do, and the rules by which it learns."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Identity = tuple[str, str]
"""A project's token, and an id within that project."""


class AliasError(Exception):
    """The store cannot be asked or told now. The text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Two ids of one person, as an event told them."""

    token: str
    alias: str
    """The id that is to be replaced."""
    target: str
    """The id that replaces it."""
    merges: bool = False
    """Whether the persons behind both ids become one even if ``alias`` is another's already."""

    @property
    def identity(self) -> Identity:
        """Return what is looked up."""
        return self.token, self.alias


class Learned(enum.Enum):
    """What became of an alias that a store was told."""

    NEW = "new"
    KNOWN = "known"
    """Both ids stood for one person already."""
    TAKEN = "taken"
    """The alias stands for another person: the first one wins."""
    CYCLE = "cycle"
    """The target stands for the alias already: it cannot be the other way round too."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a store learned since a mark."""

    mark: int
    """To be given next time."""
    found: Sequence[tuple[Identity, str]]
    """Aliases with their present persons."""
    complete: bool = True
    """False: there was more than is told, so forget all that is remembered."""


class AliasStore(Protocol):
    """Aliases of many projects. Always flat: what an alias stands for is no alias itself."""

    def find(self, identities: Sequence[Identity]) -> list[str | None]:
        """Return what each id stands for, ``None`` for one that is no alias.

        :raises AliasError: the store cannot be asked now.
        """

    def learn(self, aliases: Sequence[Alias]) -> list[Learned]:
        """Store *aliases* in their order, by these rules; return what became of each.

        1. A chain is resolved at once: an alias of an alias stands for the last person of the
           chain, and so do all that stood for an id that becomes an alias itself.
        2. The first alias wins: an id that stands for a person is not given to another one, unless
           the alias merges; then the two persons become one.
        3. No cycles: an id cannot stand for one that stands for it.

        :raises AliasError: the store cannot be told now; nothing was stored.
        """

    def changes(self, mark: int) -> Changes:
        """Return what was learned since *mark* (0: since ever), by whatever process.

        Quick when there was nothing, so that it can be asked before each look-up.

        :raises AliasError: the store cannot be asked now.
        """

    def close(self) -> None:
        """Let go of files."""


def verdict(alias: Alias, source: str | None, target: str | None) -> tuple[Learned, str, str]:
    """Return what follows from *alias*, and which id is to stand for which person if it is new.

    :param source: what the alias stands for at present, ``None`` if it is no alias.
    :param target: the same of the target.
    """
    old, new = source or alias.alias, target or alias.target
    if old == new:
        # Two ids of one person; only the direct contradiction is worth a name of its own.
        reverse = source is None and target == alias.alias and alias.alias != alias.target
        return (Learned.CYCLE if reverse and not alias.merges else Learned.KNOWN), old, new
    if source is not None and not alias.merges:
        return Learned.TAKEN, old, new
    return Learned.NEW, old, new
