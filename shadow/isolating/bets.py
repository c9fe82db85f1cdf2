"""Evidence for "slower when mirrored" that may be looked at as often as one likes.

The one thing that is known for certain is how the control arm was drawn: by a coin with
probability c of "control", thrown for each unit, whatever the unit's latency would be. Let M be 1
if a unit is mirrored and 0 if not, p = 1 - c, and g in [0, 1] say how slow it was. For any number
a that was fixed before, (M - p)(g - a) has the expectation p(1 - p)(E[g if mirrored] - E[g if
not]): at most 0 if mirroring slows nothing down. So a bettor who puts a fraction L of their wealth
on each unit, wealth times 1 + L(M - p)(g - a), holds a nonnegative supermartingale, and by Ville's
inequality ever comes to 1/alpha with probability alpha at most. It does not matter that latencies
come in pauses and hang together: the randomness is the coin's alone.

Bets: Waudby-Smith, Ramdas, Estimating means of bounded random variables by betting, JRSS-B 2024.
Randomisation as the only ground: Fisher, The Design of Experiments, 1935. Since nobody knows when
a slowdown begins, a new bettor starts every now and then with a part of the wealth, the parts
adding up to 1 (a mixture over starting times, as in Shin, Ramdas, Rinaldo, E-detectors, 2024).
"""

import math
from collections.abc import Iterable

LOOKS_PER_START = 30
"""A new bettor starts after so many looks."""
_STAKES = tuple(0.02 * 1.6**step for step in range(9))
"""Fractions of the largest bet that cannot lose everything: 0.02 to 0.86."""
Unit = tuple[bool, float, float]
"""Whether mirrored, how slow (0 to 1), and how many of that kind."""


class Bets:
    """The wealth of all bettors. *control* is the coin's probability, *centre* the number a."""

    def __init__(self, control: float, centre: float) -> None:
        self._mirrored = 1.0 - control
        self._centre = centre
        worst = max(self._mirrored * (1 - centre), control * centre)
        self._stakes = [stake / worst for stake in _STAKES] if worst else []
        self._wealth = [-math.inf for _ in self._stakes]
        self._looks = self._starts = 0

    def take(self, units: Iterable[Unit]) -> None:
        """Bet on the *units* since the last look, all with the same threshold."""
        if self._looks % LOOKS_PER_START == 0:
            self._start()
        self._looks += 1
        payoffs = [
            ((1.0 - self._mirrored if mirrored else -self._mirrored) * (slow - self._centre), n)
            for mirrored, slow, n in units
        ]
        for at, stake in enumerate(self._stakes):
            self._wealth[at] += sum(n * math.log1p(stake * gain) for gain, n in payoffs)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the evidence: of the wealth, where all began with 1."""
        waiting = -math.log(self._starts + 1)
        if not self._stakes:
            return waiting
        each = math.log(len(self._stakes))
        return log_sum([waiting, *(one - each for one in self._wealth)])

    def _start(self) -> None:
        """Let the next bettors begin: the j-th with 1/(j(j+1)); what is left waits."""
        self._starts += 1
        part = -math.log(self._starts * (self._starts + 1))
        self._wealth = [log_sum([one, part]) for one in self._wealth]


def log_sum(logs: list[float]) -> float:
    """Return ln of the sum of what *logs* are the logarithms of."""
    most = max(logs)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(one - most) for one in logs))
