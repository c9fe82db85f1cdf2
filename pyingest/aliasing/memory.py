"""Aliases in memory: the reference for what every other store must do."""

from collections.abc import Sequence

from pyingest.aliasing.store import Alias, Changes, Identity, Learned, verdict


class MemoryAliases:
    """All aliases of one process, for as long as it lives."""

    def __init__(self) -> None:
        self._targets: dict[Identity, str] = {}
        self._aliases: dict[Identity, set[str]] = {}
        """By what they stand for."""
        self._log: list[Identity] = []

    def find(self, identities: Sequence[Identity]) -> list[str | None]:
        """Look ids up; see :class:`pyingest.aliasing.store.AliasStore`."""
        return [self._targets.get(identity) for identity in identities]

    def learn(self, aliases: Sequence[Alias]) -> list[Learned]:
        """Store aliases; see :class:`pyingest.aliasing.store.AliasStore`."""
        return [self._learn(alias) for alias in aliases]

    def changes(self, mark: int) -> Changes:
        """Return what is new; see :class:`pyingest.aliasing.store.AliasStore`."""
        found = [(identity, self._targets[identity]) for identity in self._log[mark:]]
        return Changes(len(self._log), found)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _learn(self, alias: Alias) -> Learned:
        source = self._targets.get(alias.identity)
        target = self._targets.get((alias.token, alias.target))
        learned, old, new = verdict(alias, source, target)
        if learned is Learned.NEW:
            moving = self._aliases.pop((alias.token, old), set()) | {old}
            self._aliases.setdefault((alias.token, new), set()).update(moving)
            for each in sorted(moving):
                self._targets[alias.token, each] = new
                self._log.append((alias.token, each))
        return learned
