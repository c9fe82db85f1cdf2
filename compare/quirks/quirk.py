"""What a quirk is, and what it is asked about."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from compare.differing.difference import Difference, Kind
from compare.quirks.payload import Payload

PAGE = "docs/quirks.md"
"""The document that has a section for each quirk."""

_ANSWERS = {Kind.BODY, Kind.STATUS, Kind.NO_ANSWER}
LOST = frozenset({Kind.MISSING, *_ANSWERS})
GAINED = frozenset({Kind.EXTRA, *_ANSWERS})
EITHER = LOST | GAINED


@dataclass(frozen=True, slots=True)
class Evidence:
    """A difference and what is known about the exchange behind it."""

    difference: Difference
    payload: Payload | None = None
    """The request's; ``None`` when no request could be linked."""
    has_answer: bool = True
    """Whether the candidate answered."""
    has_server_time: bool = False
    """Whether the request left the event's time to the server."""
    queued: int = 0
    """Events of the same request that the candidate did queue, as far as is known."""


class Stage(enum.Enum):
    """The steps in which a request is read; at each the two sides may part."""

    PATH = "path"
    PARAMETERS = "parameters"
    BASE64 = "base64"
    JSON = "json"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True)
class Quirk:
    """One way in which Erlang and Python differ, or two that meet in one request."""

    name: str
    """A noun of the field; it is part of a cause's signature and must not change."""
    kinds: frozenset[Kind]
    """The kinds of difference that it can lead to."""
    explains: Callable[[Evidence], bool]
    """Whether the evidence shows the oddity. For a quirk with a ``stage`` that is not enough:
    see ``blame``."""
    why: str
    """What happens in Erlang, and what in Python."""
    advice: str
    stage: Stage | None = None
    """The step of reading at which a request with it parts the sides."""
    repair: Callable[[bytes], bytes] | None = None
    """Takes the oddity, and nothing else, out of what comes to the stage."""

    @property
    def anchor(self) -> str:
        """Where the documents tell of it: page and section. A composed quirk has the first's."""
        section = self.name.partition(" + ")[0].lower().replace(" ", "-")
        return f"{PAGE}#{section}"


def both(one: Quirk, other: Quirk) -> Quirk:
    """Return the quirk for a difference that takes *one* and *other* together."""
    return Quirk(
        f"{one.name} + {other.name}",
        one.kinds & other.kinds or one.kinds | other.kinds,
        lambda evidence: one.explains(evidence) and other.explains(evidence),
        f"Two quirks meet here, and either alone is not enough. {one.why} And: {other.why}",
        f"{one.advice} And: {other.advice}",
    )


def of_payload(test: Callable[[Payload], bool]) -> Callable[[Evidence], bool]:
    """Return *test* as a question about evidence; without a request the answer is no.

    The last few answers are kept: a large batch may differ in each of its events.
    """
    known = lru_cache(maxsize=4)(test)
    return lambda evidence: evidence.payload is not None and known(evidence.payload)
