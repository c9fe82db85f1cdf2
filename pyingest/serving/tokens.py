"""Which project an event is of, and whether that project may store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pyingest.ingest import Decision


class _Properties(msgspec.Struct, frozen=True):
    token: Any = ""


class _Message(msgspec.Struct, frozen=True):
    """As much of a queue message as names its project."""

    properties: _Properties = _Properties()
    profile: Any = msgspec.field(default="", name="$token")


_DECODER = msgspec.json.Decoder(_Message)


def token_of(body: bytes) -> str:
    """Return the token in a queue message; empty when there is none that can be read."""
    try:
        message = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    token = message.profile or message.properties.token
    return token if isinstance(token, str) else str(token)


def tokens_of(decision: Decision) -> tuple[str, ...]:
    """Return the token of each of the decision's events."""
    if len(decision.tokens) == len(decision.events):
        return decision.tokens
    return tuple(token_of(event.body) for event in decision.events)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may store."""

    allow: frozenset[str] = frozenset()
    """If not empty: nobody else."""
    deny: frozenset[str] = frozenset()

    def permits(self, token: str) -> bool:
        """Return whether *token* may store."""
        return token not in self.deny and (not self.allow or token in self.allow)


def access(allow: Sequence[str], deny: Sequence[str]) -> Access | None:
    """Return the lists as one; ``None`` when everybody may store."""
    return Access(frozenset(allow), frozenset(deny)) if allow or deny else None
