"""The heaviest senders of a stretch of time, in bounded memory.

Space-Saving (Metwally, Agrawal, El Abbadi, 2005) over tokens, by *weight*: one for each record and
one for each whole KiB, so that neither many small records nor few large ones go unseen. With a
capacity of K and a total weight of W, every token of more than W / K is in the list.
"""

from pyingest.traffic.merging import in_order
from pyingest.traffic.ranking import Ranking
from pyingest.traffic.stats import Listed, Sender, Span, Unlisted

REASONS = 16
"""Different reasons that are kept of one sender; what comes after is ``other``."""
OTHER = "other"


class _Seen:
    """What one token sent since it was listed last, and what it can have sent before."""

    __slots__ = ("before", "bytes", "invalid", "reasons", "records")

    def __init__(self, before: Unlisted) -> None:
        self.before = before
        self.records = self.bytes = self.invalid = 0
        self.reasons: dict[str, int] = {}


class Senders:
    """Counts by token.

    :param capacity: the most tokens that are listed at a time, at least 1.
    """

    __slots__ = ("_capacity", "_ranking", "_seen", "_unlisted")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._capacity = capacity
        self._ranking: Ranking[str] = Ranking()
        self._seen: dict[str, _Seen] = {}
        self._unlisted = Unlisted()
        """What a token that is not listed can have sent at most."""

    def add(self, token: str, records: int, size: int) -> None:
        """Count *records* (at least 1) of *token*, *size* bytes together.

        Takes O(1) per record and per KiB.
        """
        seen = self._seen.get(token) or self._listed(token)
        seen.records += records
        seen.bytes += size
        self._ranking.raise_by(token, records + (size >> 10))

    def add_invalid(self, token: str, reason: str) -> None:
        """Note that a record of *token*, which was counted already, was invalid."""
        seen = self._seen.get(token)
        if seen is None:
            return
        seen.invalid += 1
        count_one(seen.reasons, reason, REASONS)

    def listed(self) -> Listed:
        """Return the list as it stands."""
        return Listed(
            senders=in_order([_sender(token, seen) for token, seen in self._seen.items()]),
            unlisted=self._unlisted,
        )

    def _listed(self, token: str) -> _Seen:
        """Return the place of *token*; the lightest sender makes room if there is none."""
        if len(self._seen) < self._capacity:
            self._ranking.add(token)
        else:
            lightest = self._ranking.least()
            self._forget(self._seen.pop(lightest))
            self._ranking.replace(lightest, token)
        seen = self._seen[token] = _Seen(self._unlisted)
        return seen

    def _forget(self, seen: _Seen) -> None:
        # A token is out of the list only because it was cut, at a time when it had sent no more
        # than this; so the maximum over all cuts holds for every token outside.
        before, floor = seen.before, self._unlisted
        records = before.records + seen.records
        size = before.bytes + seen.bytes
        invalid = before.invalid + seen.invalid
        if records > floor.records or size > floor.bytes or invalid > floor.invalid:
            self._unlisted = Unlisted(
                records=max(records, floor.records),
                bytes=max(size, floor.bytes),
                invalid=max(invalid, floor.invalid),
            )


def count_one(counts: dict[str, int], key: str, most: int) -> None:
    """Count *key*, under ``other`` if there are *most* keys already."""
    if key not in counts and len(counts) >= most:
        key = OTHER
    counts[key] = counts.get(key, 0) + 1


def _sender(token: str, seen: _Seen) -> Sender:
    before = seen.before
    return Sender(
        token=token,
        records=Span(at_least=seen.records, at_most=seen.records + before.records),
        bytes=Span(at_least=seen.bytes, at_most=seen.bytes + before.bytes),
        invalid=Span(at_least=seen.invalid, at_most=seen.invalid + before.invalid),
        reasons=seen.reasons,
    )
