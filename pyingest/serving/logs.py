"""What happened, as JSON lines: levels, no payloads, a flood of one kind cut and counted."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_ENCODER = msgspec.json.Encoder()
KINDS = 1000
"""Kinds of lines that are watched for floods; any further kind is one of them."""


def token_hash(token: str) -> str:
    """Return what stands for *token* in a log: the same for the same token, but not it."""
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=6).hexdigest()


class Repeats:
    """Lets so many lines of one kind a minute through, and counts the others."""

    def __init__(self, a_minute: int) -> None:
        self._limit = a_minute
        self._minute = -1
        self._seen: dict[str, int] = {}

    def allow(self, kind: str, now: float) -> tuple[bool, dict[str, int]]:
        """Return whether a line of *kind* may be written at *now* (seconds).

        Also returns how many lines of each kind were held back in a minute that is now over.
        """
        over: dict[str, int] = {}
        if int(now // 60) != self._minute:
            over = self.held_back()
            self._minute = int(now // 60)
            self._seen.clear()
        if kind not in self._seen and len(self._seen) >= KINDS:
            kind = "others"
        self._seen[kind] = self._seen.get(kind, 0) + 1
        return self._seen[kind] <= self._limit, over

    def held_back(self) -> dict[str, int]:
        """Return how many lines of each kind were held back in this minute."""
        return {
            kind: count - self._limit for kind, count in self._seen.items() if count > self._limit
        }


class Log:
    """Writes lines.

    :param write: takes one line, its end included, and never raises.
    :param now: the time in epoch seconds.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        now: Callable[[], float],
        level: str = "info",
        repeats: int = 10,
        **fixed: object,
    ) -> None:
        self._write = write
        self._now = now
        self._lowest = LEVELS[level]
        self._repeats = Repeats(repeats)
        self._fixed = fixed

    def debug(self, event: str, **fields: object) -> None:
        """Say what only a developer wants to know."""
        self._say("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Say what happened as it should."""
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say what somebody should look at some day."""
        self._say("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Say what somebody should look at now."""
        self._say("error", event, fields)

    def access(self, **fields: object) -> None:
        """Say that a request was answered; never held back."""
        self._put("info", "request", self._now(), fields)

    def close(self) -> None:
        """Say what was held back."""
        now = self._now()
        for kind, count in self._repeats.held_back().items():
            self._put("warning", "repeats", now, {"of": kind, "held_back": count})

    def _say(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] < self._lowest:
            return
        now = self._now()
        allowed, over = self._repeats.allow(event, now)
        for kind, count in over.items():
            self._put("warning", "repeats", now, {"of": kind, "held_back": count})
        if allowed:
            self._put(level, event, now, fields)

    def _put(self, level: str, event: str, now: float, fields: dict[str, object]) -> None:
        line: dict[str, Any] = {"time": round(now, 3), "level": level, "event": event}
        self._write(_ENCODER.encode(line | self._fixed | fields) + b"\n")
