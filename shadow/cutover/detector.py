"""When a rate has become too high: two tests that may be looked at after every request.

Both are e-detectors (Shin, Ramdas, Rinaldo, E-detectors: a nonparametric framework for sequential
change detection, 2023) of the kind of CUSUM: the wealth of a bet against "the rate is as it should
be" is never below what a bettor who starts anew would have, so that days without an error do not
hide the first bad minute. While the claim holds, the mean number of steps until a false alarm is at
least ``alarm``, whenever one looks and however the rates change meanwhile; where it holds by far,
false alarms are far rarer. Each step is O(1).
"""

import math

_RATIOS = (2.0, 4.0, 8.0)
"""Alternatives that are bet on, in equal parts: so many times the rate that is allowed. No event
counts for more than the last one makes it, lest a handful that have one cause be an alarm."""
_HALF_LIFE = 2_000
"""Requests after which one counts half, in the share of traffic that each side has."""


class TooMany:
    """Whether events come in more than the share *allowed* of the requests.

    For one that bets on the rate r times *allowed*, each request multiplies the wealth by
    ``r^x · exp(-(r-1)·allowed)``, x being 1 for an event: its mean is at most 1 (see
    ``compare/judging/evidence.py``, which is the same bet without starting anew).
    """

    alarm = 1e6
    """Requests of the candidate between false alarms, if just *allowed* of them have events."""

    def __init__(self, allowed: float) -> None:
        self.allowed = allowed
        self.requests = self.events = 0
        self._logs = [0.0] * len(_RATIOS)
        self._gains = [math.log(ratio) for ratio in _RATIOS]
        self._costs = [(ratio - 1) * allowed for ratio in _RATIOS]
        self._quiet = 0

    def add(self, event: bool) -> None:
        """Take one request."""
        self.requests += 1
        if not event:
            self._quiet += 1  # accounted for at the next event: most requests cost this line
            return
        self.events += 1
        quiet, self._quiet = self._quiet, 0
        for place, cost in enumerate(self._costs):
            left = max(0.0, self._logs[place] - quiet * cost)
            self._logs[place] = max(0.0, left - cost + self._gains[place])

    @property
    def evidence(self) -> float:
        """How far it is to an alarm, by ln of the wealth: 1 is one. It rises only with an event."""
        pairs = zip(self._logs, self._costs, strict=True)
        return _mean([max(0.0, log - self._quiet * cost) for log, cost in pairs], self.alarm)


class Worse:
    """Whether more than *ratio* times as many of the candidate's requests have events as legacy's.

    Only events are looked at: whose are they? Under the claim, the next one is the candidate's with
    a chance of at most ``ratio·q / (ratio·q + 1 - q)``, q being its share of the traffic, whatever
    the rate is and however it changes: a fault that hits both sides at once is held against none.
    """

    alarm = 1e4
    """Events between false alarms, if the candidate has just *ratio* times legacy's share."""

    def __init__(self, ratio: float, share: float) -> None:
        self._ratio = ratio
        self._owned = 100 * share  # as if a hundred requests had come by the stage's percentage
        self._others = 100 * (1 - share)
        self._decay = 0.5 ** (1 / _HALF_LIFE)
        self._logs = [0.0] * len(_RATIOS)

    def add(self, candidate: bool, event: bool) -> None:
        """Take one request, of the candidate's or of legacy's."""
        if event:
            self._bet(candidate)
        self._owned = self._owned * self._decay + candidate
        self._others = self._others * self._decay + (not candidate)

    @property
    def evidence(self) -> float:
        """How far it is to an alarm: 1 is one; infinite while legacy has no traffic."""
        return _mean(self._logs, self.alarm) if self._others >= 1.0 else math.inf

    def _bet(self, candidate: bool) -> None:
        most = self._ratio * self._owned
        claimed = most / (most + self._others) if most else 0.0
        for place, ratio in enumerate(_RATIOS):
            more = ratio * most
            bet = more / (more + self._others) if more else 0.0
            factor = bet / claimed if candidate and claimed else 1.0
            if not candidate:
                factor = (1 - bet) / (1 - claimed) if claimed < 1 else 1.0
            gain = math.log(factor) if factor > 0 else -math.inf
            self._logs[place] = max(0.0, self._logs[place] + gain)


def _mean(logs: list[float], alarm: float) -> float:
    """Return ln of the mean wealth as a part of that at which there is an alarm."""
    most = max(logs)
    mean = most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))
    return mean / math.log(alarm)
