"""Settings -> the step that puts each event under its person's own id."""

import time
from pathlib import Path
from typing import Protocol

import msgspec

from pyingest.aliasing.cache import CachedAliases
from pyingest.aliasing.sqlite import SqliteAliases
from pyingest.aliasing.stage import AliasStage, Mode
from pyingest.aliasing.store import AliasError
from pyingest.queues.interface import QueueError
from pyingest.serving.contracts import profile_of
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Family, Sample
from pyingest.serving.settings import Settings

ALIASES = Family("mixmigrate_alias_events_total", "counter", "Events and aliases, by what came.")
_encode = msgspec.json.Encoder().encode


class _Closing(Protocol):
    def close(self) -> None: ...


class AliasStep:
    """The stage with its store, and its counts."""

    def __init__(self, stage: AliasStage, store: _Closing) -> None:
        self.stage = stage
        self._store = store

    def samples(self) -> list[Sample]:
        """Return the counts."""
        counts = self.stage.counts
        found = {
            "looked_up": counts.looked_up,
            "resolved": counts.resolved,
            "unread": counts.unread,
            "learned": counts.learned,
            "refused": counts.refused,
            "skipped": counts.skipped,
        }
        return [Sample(ALIASES.name, (("what", what),), count) for what, count in found.items()]

    async def close(self) -> None:
        """Let go of the store."""
        self._store.close()


def open_aliases(settings: Settings, log: Log) -> AliasStep | None:
    """Return the step, if there is to be one.

    :raises QueueError: the store cannot be opened.
    """
    wanted = settings.aliases
    if not wanted.url or wanted.mode == "off":
        return None
    scheme, _, path = wanted.url.partition(":")
    if scheme != "sqlite" or not path:
        raise QueueError(f"aliases.url: {wanted.url!r} is not sqlite:PATH")
    try:
        store = CachedAliases(SqliteAliases(Path(path)))
    except AliasError as error:
        raise QueueError(f"aliases: {error}") from None
    stage = AliasStage(
        store,
        # Classic writes texts as the legacy library spells them.
        profile_of(settings).encode if settings.contract.name == "classic" else _encode,
        mode=Mode(wanted.mode),
        clock=time.monotonic,
        tell=lambda why: log.error("aliases not looked up", why=why),
    )
    return AliasStep(stage, store)
