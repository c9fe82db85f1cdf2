"""Evidence that may be looked at after every observation (an e-process).

Let X in [0, 1] be the mismatch of a unit, S their sum over n units, and x = n·p0. For u >= 0,
``u^S · e^{(1-u)x}`` is below a nonnegative supermartingale while the running average of the
units' rates is at least p0 (u < 1), or at most p0 (u > 1). By Ville's inequality its mixture over
u exceeds 1/alpha, ever, with probability alpha at most. So a verdict taken at any look, however
often one looks, is wrong with at most that probability. It needs no whole S: u^X <= 1 - (1-u)X
holds for every X in [0, 1], so a request may count with the share of its events that mismatch.
Construction: Howard, Ramdas, McAuliffe, Sekhon, Time-uniform nonparametric confidence sequences,
Ann. Statist. 49 (2021); for counts see Lindon and Malek, NeurIPS 2022.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from compare.judging.gamma import lower, upper

LAMBDA = 0.3
"""Rate of the exponential mixture over u > 1."""
_NEVER = -1.0


class Finding(enum.StrEnum):
    """What the evidence says so far."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What *n* units with *mismatches* among them show about a rate of at most *limit*."""

    n: int
    mismatches: float
    limit: float
    finding: Finding
    bound: float
    """Upper bound of the mismatch rate, valid at any look; 1 while nothing is known."""
    e_pass: float
    """Natural logarithm of the e-value for a rate below the limit."""
    e_fail: float
    """Natural logarithm of the e-value for a rate above the limit."""
    needs_clean: int
    """Units still needed for a PASS if none of them mismatches; 0 when it is there."""
    needs_at_rate: int | None
    """Units still needed at the present rate; ``None``: it will not pass at this rate."""


def log_e_pass(mismatches: float, x: float) -> float:
    """Return ln of the evidence for a rate below p0: ``∫₀¹ u^S e^{x(1-u)} du``, for real S >= 0."""
    return lower(mismatches + 1, x)


def log_e_fail(mismatches: float, x: float) -> float:
    """Return ln of the evidence for a rate above p0: ``λ ∫₀^∞ (1+v)^S e^{-(x+λ)v} dv``, S real."""
    return math.log(LAMBDA) + upper(mismatches + 1, x + LAMBDA)


@lru_cache(maxsize=16384)
def boundary(mismatches: float, alpha: float) -> float:
    """Return x*(S): the smallest n·p0 at which *mismatches* still pass.

    ln E is convex in x and rises, so Newton's steps come down to the root from above.
    """
    target, a = math.log(1 / alpha), mismatches + 1
    x = a + target + math.sqrt(2 * a * (target + math.log(a) + 1))
    for _ in range(60):
        value = lower(a, x)
        step = (value - target) / (1 - a / x + math.exp(-value) / x)
        x -= step
        if abs(step) <= 1e-14 * x:
            break
    return x


@lru_cache(maxsize=16384)
def fail_boundary(mismatches: float, beta: float) -> float:
    """Return the largest n·p0 at which *mismatches* already fail; -1 when they never do."""
    target, a = math.log(1 / beta) - math.log(LAMBDA), mismatches + 1
    if upper(a, LAMBDA) < target:
        return _NEVER
    x = max(LAMBDA, a - math.sqrt(2 * a * (target + math.log(a) + 1)))
    for _ in range(60):
        value = upper(a, x)
        step = (value - target) / (1 - a / x - math.exp(-value) / x)
        x = max(LAMBDA, x - step)
        if abs(step) <= 1e-14 * x:
            break
    return x - LAMBDA


def found(n: int, mismatches: float, limit: float, alpha: float, beta: float) -> Finding:
    """Return the finding alone, by two cached boundaries: cheap enough for a look at every unit."""
    x = n * limit
    if not n:
        return Finding.UNDECIDED
    if x >= boundary(mismatches, alpha):
        return Finding.PASS
    return Finding.FAIL if x <= fail_boundary(mismatches, beta) else Finding.UNDECIDED


def spent(alpha: float, attempt: int) -> float:
    """Return the share of *alpha* for the attempt of that number, from 1: alpha/(j(j+1)).

    The shares of all attempts, however many, add up to alpha. Raises ``ValueError`` below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt is {attempt}; attempts are counted from 1")
    return alpha / (attempt * (attempt + 1))


def exchangeable(b: int, c: int) -> float:
    """Return ln of the evidence that two sides do not differ alike from a third.

    For a masked field: *b* requests where the candidate differs from legacy and a second legacy
    does not, *c* the other way round. If candidate and second legacy are exchangeable, b is
    binomial with 1/2; ``2^(b+c) b! c! / (b+c+1)!`` is the uniform mixture over other shares, an
    e-process. Of F fields, flag one at e >= F/alpha. (The discordant pairs of McNemar, 1947.)
    """
    n = b + c
    return n * math.log(2) + math.lgamma(b + 1) + math.lgamma(c + 1) - math.lgamma(n + 2)


def weigh(n: int, mismatches: float, limit: float, alpha: float, beta: float) -> Evidence:
    """Return what is known about the claim that the mismatch rate is at most *limit*.

    *alpha* bounds the chance of a false PASS, *beta* that of a false FAIL.
    """
    x = n * limit
    return Evidence(
        n=n,
        mismatches=mismatches,
        limit=limit,
        finding=found(n, mismatches, limit, alpha, beta),
        bound=min(1.0, boundary(mismatches, alpha) / n) if n else 1.0,
        e_pass=log_e_pass(mismatches, x),
        e_fail=log_e_fail(mismatches, x),
        needs_clean=_more(n, mismatches, limit, alpha),
        needs_at_rate=_needed_at_rate(n, mismatches, limit, alpha),
    )


def _needed_at_rate(n: int, mismatches: float, limit: float, alpha: float) -> int | None:
    """Return about the smallest m with (n+m)·p0 >= x*(S + r·m), where r is the rate so far.

    ``None`` when there is none up to a hundred times the units seen.
    """
    rate = (mismatches + 0.5) / n if n and mismatches else 0.0
    if not rate:
        return _more(n, mismatches, limit, alpha)
    if rate >= limit:
        return None

    def enough(extra: int) -> bool:
        """Say whether the run has passed before *extra* further mismatches have come."""
        return _more(n, mismatches + extra, limit, alpha) <= extra / rate

    high = 1
    while not enough(high):
        high *= 2
        if high / rate > 100 * n:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return _more(n, mismatches + high, limit, alpha)


def _more(n: int, mismatches: float, limit: float, alpha: float) -> int:
    return max(0, math.ceil(boundary(mismatches, alpha) / limit) - n)


_BETS = [step / 21 for step in range(1, 21)]


def weigh_net(
    worse: Sequence[int], limit: float, alpha: float, beta: float
) -> tuple[Finding, float, float]:
    """Return what windows say about the claim that the net share of worse ones is at most *limit*.

    *worse* holds +1 (candidate worse), -1 (legacy worse) or 0 for each window. Gives the finding
    and ln of the two e-values.
    """
    ups, downs = worse.count(1), worse.count(-1)
    return weigh_net_counts(ups, downs, len(worse) - ups - downs, limit, alpha, beta)


def weigh_net_counts(
    worse: int, better: int, even: int, limit: float, alpha: float, beta: float
) -> tuple[Finding, float, float]:
    """Return the same from the numbers of windows: all that the evidence depends on.

    Betting e-process (Waudby-Smith and Ramdas, Estimating means of bounded random variables by
    betting, JRSS-B 2024), the average over a grid of twenty bets.
    """
    for_pass, for_fail = (
        _log_mean([worse * up + better * down + even * still for up, down, still in gains])
        for gains in (_gains(limit, -1), _gains(limit, 1))
    )
    if for_pass >= math.log(1 / alpha):
        return Finding.PASS, for_pass, for_fail
    if for_fail >= math.log(1 / beta):
        return Finding.FAIL, for_pass, for_fail
    return Finding.UNDECIDED, for_pass, for_fail


@lru_cache(maxsize=64)
def _gains(limit: float, side: int) -> list[tuple[float, float, float]]:
    """Return for each bet what a worse, a better and an even window add to ln of the wealth."""
    most = 1 + side * limit

    def gain(bet: float, one: int) -> float:
        return math.log1p(bet / most * side * (one - limit))

    return [(gain(bet, 1), gain(bet, -1), gain(bet, 0)) for bet in _BETS]


def _log_mean(logs: list[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))
