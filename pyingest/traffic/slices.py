"""What is counted in one short stretch of time."""

from collections.abc import Callable

from pyingest.ingest import Rejected
from pyingest.queues.interface import Outcome
from pyingest.traffic.merging import add_counts
from pyingest.traffic.senders import OTHER, Senders, count_one
from pyingest.traffic.stats import Counts, Tally

NAMES = 64
"""Different reasons, or pairs of endpoint and library, that are kept; the others are ``other``."""


class Slice:
    """The counts of one stretch of time, in bounded memory.

    :param capacity: the most tokens that are listed.
    """

    __slots__ = ("_outcomes", "_reasons", "_sums", "senders")

    def __init__(self, capacity: int) -> None:
        # Requests, bytes, stored, unstored, invalid. Lists, since this is the hot path.
        self._sums: dict[tuple[str, bytes], list[int]] = {}
        self._outcomes: dict[Outcome, int] = {}
        self._reasons: dict[str, int] = {}
        self.senders = Senders(capacity)

    def add_request(
        self, endpoint: str, library: bytes, size: int, stored: int, unstored: int, invalid: int
    ) -> None:
        """Count one request of *size* bytes, and its records."""
        sums = self._sums.get((endpoint, library)) or self._made(endpoint, library)
        sums[0] += 1
        sums[1] += size
        sums[2] += stored
        if unstored or invalid:
            sums[3] += unstored
            sums[4] += invalid

    def add_outcome(self, outcome: Outcome) -> None:
        """Count an event that was not stored."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1

    def add_rejected(self, rejected: Rejected) -> None:
        """Note why a record, which was counted already, was invalid."""
        count_one(self._reasons, rejected.reason, NAMES)
        self.senders.add_invalid(rejected.token, rejected.reason)

    def tally(self) -> Tally:
        """Return the counts as they stand."""
        totals = self._by(lambda endpoint, library: "all").get("all", Counts())
        libraries = self._by(lambda endpoint, library: library.decode("ascii", "replace"))
        libraries.pop("", None)
        outcomes = {outcome.value: count for outcome, count in self._outcomes.items()}
        if totals.stored:
            outcomes[Outcome.STORED.value] = totals.stored
        return Tally(
            totals=totals,
            endpoints=self._by(lambda endpoint, library: endpoint),
            libraries=libraries,
            outcomes=outcomes,
            reasons=dict(self._reasons),
            tokens=self.senders.listed(),
        )

    def _by(self, name: Callable[[str, bytes], str]) -> dict[str, Counts]:
        found: dict[str, Counts] = {}
        for pair, sums in self._sums.items():
            key = name(*pair)
            found[key] = add_counts(found.get(key, Counts()), _counts(sums))
        return found

    def _made(self, endpoint: str, library: bytes) -> list[int]:
        pair = (endpoint, library) if len(self._sums) < NAMES else (OTHER, OTHER.encode())
        return self._sums.setdefault(pair, [0, 0, 0, 0, 0])


def _counts(sums: list[int]) -> Counts:
    requests, size, stored, unstored, invalid = sums
    return Counts(requests=requests, bytes=size, stored=stored, unstored=unstored, invalid=invalid)
