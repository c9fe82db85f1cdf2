"""What ``/stats`` says: the records, and their JSON."""

from typing import Any

import msgspec

VERSION = 1
"""Of the JSON's shape. A reader refuses one that it does not know."""


class UnknownStats(Exception):
    """The JSON is not stats that this program can read. The text says why."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over requests."""

    requests: int = 0
    bytes: int = 0
    """Of the requests, as the caller measures them."""
    stored: int = 0
    """Records that the queue confirmed."""
    unstored: int = 0
    """Valid records that the queue did not confirm."""
    invalid: int = 0
    """Records that were refused for what they are."""

    @property
    def records(self) -> int:
        """Return all records, valid or not."""
        return self.stored + self.unstored + self.invalid


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A number that is known to lie between two others, both included."""

    at_least: int = 0
    at_most: int = 0


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What one token sent."""

    token: str
    """The project; empty if the records did not say."""
    records: Span = Span()
    bytes: Span = Span()
    invalid: Span = Span()
    reasons: dict[str, int] = {}
    """Why records were invalid, each a number that is known at least."""


class Unlisted(msgspec.Struct, frozen=True, kw_only=True):
    """What a token that is not in the list can have sent at most."""

    records: int = 0
    bytes: int = 0
    invalid: int = 0


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The heaviest senders, by records and KiB; the most records first."""

    senders: tuple[Sender, ...] = ()
    unlisted: Unlisted = Unlisted()
    """All zero: the list is complete, and every number in it exact."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """All that is counted over some stretch of time."""

    totals: Counts = Counts()
    endpoints: dict[str, Counts] = {}
    libraries: dict[str, Counts] = {}
    """By client library, as far as events name theirs; ``other`` when there are too many."""
    outcomes: dict[str, int] = {}
    """By what became of an event at the queue."""
    reasons: dict[str, int] = {}
    """Why records were invalid; ``other`` when there are too many reasons."""
    tokens: Listed = Listed()


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The last so many seconds."""

    seconds: int
    """How long the window is."""
    covered: float
    """How much of that is in the tally, in seconds; what rates are to be divided by."""
    tally: Tally = Tally()


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """One queue server, as the workers see it."""

    name: str
    alive: int = 0
    """Workers that use it."""
    dead: int = 0
    """Workers that leave it alone for now."""
    in_flight: int = 0
    """Events that were sent to it and are not answered."""
    completed: int = 0
    failed: int = 0


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of some workers."""

    version: int = VERSION
    workers: int = 1
    started: float
    """When the first of them started, in epoch seconds."""
    at: float
    """When this was true, in epoch seconds (of several workers: the latest)."""
    since_start: Tally = Tally()
    windows: tuple[Window, ...] = ()
    """The shortest first."""
    servers: tuple[ServerState, ...] = ()


def encode_stats(stats: Stats) -> bytes:
    """Return the JSON of *stats*, which is what ``/stats`` answers."""
    return msgspec.json.encode(stats, order="sorted")


def decode_stats(data: bytes) -> Stats:
    """Return the stats that *data* holds, by themselves or as the member ``traffic`` of a page.

    :raises UnknownStats: it holds none, or those of another version.
    """
    try:
        page = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise UnknownStats(f"no stats: {error}") from None
    return read_stats(page.get("traffic", page))


def read_stats(value: object) -> Stats:
    """Return the stats that were decoded to plain dicts and lists, or are stats already.

    :raises UnknownStats: they are none, or those of another version.
    """
    try:
        version = msgspec.convert(value, _Versioned, from_attributes=True).version
        if version != VERSION:
            raise UnknownStats(f"stats of version {version}; this program reads {VERSION}")
        return msgspec.convert(value, Stats, from_attributes=True)
    except msgspec.MsgspecError as error:
        raise UnknownStats(f"no stats: {error}") from None


class _Versioned(msgspec.Struct):
    version: int
