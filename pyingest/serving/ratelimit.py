"""How fast a project may send: a token bucket each, in bounded memory, O(1) a request."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rates:
    """What each token may send."""

    rate: float = 0.0
    """Events a second; 0: any number."""
    burst: int = 10_000
    """Events at once after a silence."""
    single: Mapping[str, float] = field(default_factory=dict)
    """Rates of single tokens, before ``rate``."""
    remembered: int = 100_000
    """Tokens that are watched; beyond, the one not heard of for longest starts anew."""

    def of(self, token: str) -> float:
        """Return the events a second that *token* may send; 0: any number."""
        return self.single.get(token, self.rate)


class RateLimiter:
    """Token buckets, kept as the time at which each will be full again (GCRA, ITU-T I.371)."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, tokens: Iterable[str], now: float) -> float:
        """Take one event a token from the buckets, or say how many seconds to wait.

        Either all are taken, and 0 is returned, or none. A batch larger than a whole bucket
        may pass when the bucket is full.
        """
        wanted = [
            (token, count / rate, self._rates.burst / rate)
            for token, count in Counter(tokens).items()
            if (rate := self._rates.of(token)) > 0
        ]
        longest = 0.0
        for token, cost, depth in wanted:
            debt = max(0.0, self._full_at.get(token, now) - now)
            longest = max(longest, debt + min(cost, depth) - depth)
        if longest > 1e-9:
            return longest
        for token, cost, _ in wanted:
            self._take(token, cost, now)
        return 0.0

    def _take(self, token: str, cost: float, now: float) -> None:
        self._full_at[token] = max(now, self._full_at.get(token, now)) + cost
        self._full_at.move_to_end(token)
        if len(self._full_at) > self._rates.remembered:
            self._full_at.popitem(last=False)
