"""One tapped event on its way to a partner."""

from dataclasses import dataclass
from functools import lru_cache

from compare.differing.canonical import Content, Unparsable, canonical, content, parse
from compare.pairing.linking import BARE
from pyingest.wire.term import Term
from shadow.exchange import TappedEvent


@dataclass(frozen=True, slots=True)
class Item:
    """An event, what it says, and which request it belongs to."""

    event: TappedEvent
    said: Content
    link: bytes | None
    """Link key of the request that carried it (see ``requests``); ``None`` if none is known."""
    is_repeat: bool = False
    """Whether one of the same content is known to have a partner."""

    @property
    def has_server_time(self) -> bool:
        """Whether the service, not the client, set the event's time."""
        return self.link is not None and len(self.link) == BARE

    @property
    def identity(self) -> tuple[bytes, ...]:
        """What two events share that say the same; a time set by a server says nothing."""
        said = self.said
        if self.has_server_time:
            return said.bare, said.ip
        return said.bare, said.ip, said.time

    @property
    def seconds(self) -> float:
        """The event's own time, for finding the nearest; 0 if it has none that is a number."""
        try:
            return float(self.said.time or b"0")
        except ValueError:
            return 0.0

    @property
    def order(self) -> tuple[float, bytes, float, int]:
        """Sorts by time and content, and by arrival only where these agree."""
        event = self.event
        return self.seconds, event.body, event.at, event.offset

    def may_answer_to(self, other: "Item") -> bool:
        """Say whether the two can stem from one request, as far as their requests are known."""
        ours, theirs = self.link, other.link
        if ours is None or theirs is None or ours == theirs:
            return True
        # Sent both with and without a time: which of the two it was cannot be told.
        return ours[:BARE] == theirs[:BARE] and BARE in (len(ours), len(theirs))


@dataclass(frozen=True, slots=True)
class Pair:
    """A legacy event and the candidate event that answers to it."""

    legacy: Item
    candidate: Item

    @property
    def is_misrouted(self) -> bool:
        """Whether the two lie on queues of different names."""
        return self.legacy.event.queue != self.candidate.event.queue


def bodies_of(body: bytes) -> list[bytes]:
    """Return the events of one message: those of a list, each by itself, or the message."""
    if body[:1] == b"[":
        terms = parse(body)
        if isinstance(terms, list) and terms:
            return [canonical(term) for term in terms]
    return [body]


def said_by(body: bytes) -> Content:
    """Return what the message *body* says."""
    return content(term_of(body))


@lru_cache(maxsize=1024)
def term_of(body: bytes) -> Term | Unparsable:
    """Return the message *body* read, and keep it at hand; nobody may change what it gives."""
    return parse(body)
