"""Records that were no good -> letters with the reason, gathered in bounded memory."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from pyingest.serving.metrics import Family, Sample
from pyingest.serving.parts import Observed

LETTERS = Family(
    "mixmigrate_dead_letters_total", "counter", "Dead letters, by what became of them."
)
WAITING = 8 * 1024 * 1024
"""Bytes of letters that may wait to be written; more are dropped and counted."""


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record that was not stored, or the payload of several."""

    time: float
    """Epoch seconds."""
    endpoint: str
    reason: str
    token: str = ""
    records: int = 1
    """How many records of the payload had this reason."""
    body: str = ""
    body64: str = ""
    """The body in base64, where it is no UTF-8."""
    size: int = 0
    """Bytes of the whole body, where only its beginning was kept."""


class Store(Protocol):
    """Where letters are kept. Its methods block, and are called in one thread."""

    def write(self, letters: list[Letter]) -> None:
        """Keep *letters*; the oldest go first when there is no room.

        :raises OSError: it cannot be written.
        """

    def close(self) -> None:
        """Let go of files."""


class DeadLetters:
    """Gathers letters until :meth:`take` fetches them for a store.

    :param longest: bytes of a body that are kept.
    """

    def __init__(self, now: Callable[[], float], longest: int) -> None:
        self._now = now
        self._longest = longest
        self._letters: list[Letter] = []
        self._bytes = 0
        self._counts = {"kept": 0, "dropped": 0, "failed": 0}

    def observe(self, seen: Observed) -> None:
        """Write a letter for each record that will never be stored."""
        if seen.decision.rejected and seen.turned_away != "rate":
            for letter in self._letters_of(seen):
                self._put(letter)

    def take(self) -> list[Letter]:
        """Return the letters that wait; who takes them must say what became of them."""
        letters, self._letters, self._bytes = self._letters, [], 0
        return letters

    def count(self, what: str, letters: int) -> None:
        """Note what became of letters: ``kept``, ``dropped`` or ``failed``."""
        self._counts[what] += letters

    def samples(self) -> list[Sample]:
        """Return the counts."""
        return [
            Sample(LETTERS.name, (("what", what),), count) for what, count in self._counts.items()
        ]

    def _letters_of(self, seen: Observed) -> Iterator[Letter]:
        now = self._now()
        whole: Counter[tuple[str, str]] = Counter()
        for record in seen.decision.rejected:
            endpoint = record.endpoint or seen.endpoint
            if record.body:
                yield self._letter(now, endpoint, record.reason, record.body, token=record.token)
            else:
                whole[endpoint, record.reason] += 1
        # One payload a reason, not one a record: a request must not be kept a thousand times.
        for (endpoint, reason), records in whole.items():
            yield self._letter(now, endpoint, reason, seen.payload, records=records)

    def _letter(self, now: float, endpoint: str, reason: str, body: bytes, **more: Any) -> Letter:
        kept = body[: self._longest]
        if len(kept) < len(body):
            more["size"] = len(body)
        try:
            more["body"] = kept.decode("utf-8")
        except UnicodeDecodeError:
            more["body64"] = base64.b64encode(kept).decode("ascii")
        return Letter(now, endpoint, reason, **more)

    def _put(self, letter: Letter) -> None:
        size = 200 + len(letter.body) + len(letter.body64)
        if self._bytes + size > WAITING:
            self._counts["dropped"] += 1
            return
        self._bytes += size
        self._letters.append(letter)
