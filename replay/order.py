"""In which order the entries of a log are sent, and how many."""

import enum
from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random

from replay.entry import Entry


class Order(enum.StrEnum):
    """Which entry comes next."""

    FILE = "file"
    """As they stand in the log, read as they are needed."""
    SHUFFLE = "shuffle"
    """Each once, in random order. The whole log is held in memory."""
    SAMPLE = "sample"
    """Drawn at random, with replacement: the same entry may come twice, which proves nothing
    new. The whole log is held in memory."""


def ordered(
    entries: Iterable[Entry], order: Order, seed: int, limit: int | None
) -> Iterator[Entry]:
    """Yield at most *limit* entries in *order*; the same *seed* gives the same.

    Without a limit a sample has as many draws as the log has entries.
    """
    match order:
        case Order.FILE:
            return islice(entries, limit)
        case Order.SHUFFLE:
            listed = list(entries)
            Random(seed).shuffle(listed)
            return islice(listed, limit)
        case Order.SAMPLE:
            return _drawn(list(entries), Random(seed), limit)


def _drawn(entries: list[Entry], random: Random, limit: int | None) -> Iterator[Entry]:
    for _ in range(len(entries) if limit is None else limit if entries else 0):
        yield random.choice(entries)
