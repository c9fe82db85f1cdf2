"""Brings dead letters from memory to their store, once a second, in a thread of their own."""

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from pyingest.queues.interface import QueueError
from pyingest.serving.deadletters import DeadLetters, Letter, Store
from pyingest.serving.letterbox import LetterBox
from pyingest.serving.letterfiles import LetterFiles
from pyingest.serving.logs import Log
from pyingest.serving.settings import DeadLetterSettings

EVERY = 1.0
"""Seconds between two rounds."""


def open_letters(settings: DeadLetterSettings) -> Store:
    """Return the store that the settings name.

    :raises QueueError: it cannot be opened.
    """
    url = settings.url
    try:
        if url.startswith("sqlite:"):
            return LetterBox(Path(url.removeprefix("sqlite:").partition("#")[0]), settings.bytes)
        return LetterFiles(Path(url), settings.bytes)
    except OSError as error:
        raise QueueError(
            f"dead letters {url}: {error.strerror or error}; "
            "name a directory that may be written, or sqlite:PATH"
        ) from None


class LetterPost:
    """Fetches letters and writes them; what cannot be written is counted and said."""

    def __init__(self, reactor: Any, letters: DeadLetters, store: Store, log: Log) -> None:
        self._letters = letters
        self._store = store
        self._log = log
        self._round = LoopingCall(self._go)
        self._round.clock = reactor
        self._ended = self._round.start(EVERY, now=False)

    async def close(self) -> None:
        """Write what waits, and close the store."""
        if self._round.running:
            self._round.stop()
        await self._ended
        await self._go()
        self._store.close()

    def _go(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._write(self._letters.take()))

    async def _write(self, letters: list[Letter]) -> None:
        if not letters:
            return
        try:
            await deferToThread(self._store.write, letters)
        except OSError as error:
            self._letters.count("failed", len(letters))
            self._log.error("dead letters not kept", why=error.strerror or str(error))
        else:
            self._letters.count("kept", len(letters))
