"""Evidence that may be looked at after every observation (an e-process).

Let X in [0, 1] be the mismatch of a unit, S their sum over n units, and x = n·p0. For u >= 0,
``u^S · e^{(1-u)x}`` is below a nonnegative supermartingale while the running average of the
units' rates is at least p0 (u < 1), or at most p0 (u > 1). By Ville's inequality its mixture over
u exceeds 1/alpha, ever, with probability alpha at most. So a verdict taken at any look, however
often one looks, is wrong with at most that probability. Construction: Howard, Ramdas, McAuliffe,
Sekhon, Time-uniform nonparametric confidence sequences, Ann. Statist. 49 (2021); for counts see
Lindon and Malek, NeurIPS 2022.
"""

import enum
import math
from dataclasses import dataclass
from functools import lru_cache

LAMBDA = 0.3
"""Rate of the exponential mixture over u > 1."""
_HUGE, _SHIFT = 1e250, 250 * math.log(10)


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
    """Return ln of the evidence for a rate below p0: ``∫₀¹ u^S e^{x(1-u)} du``, as a series."""
    term = total = 1.0 / (mismatches + 1)
    shift, step = 0.0, 0
    while term >= 1e-16 * total or step <= x - mismatches:
        term *= x / (mismatches + 2 + step)
        total += term
        step += 1
        if total > _HUGE:
            total, term, shift = total / _HUGE, term / _HUGE, shift + _SHIFT
    return math.log(total) + shift


def log_e_fail(mismatches: float, x: float) -> float:
    """Return ln of the evidence for a rate above p0: ``λ ∫₀^∞ (1+v)^S e^{-(x+λ)v} dv``."""
    whole = int(mismatches)
    term = total = LAMBDA / (x + LAMBDA)
    shift = 0.0
    for step in range(whole):
        term *= (whole - step) / (x + LAMBDA)
        total += term
        if total > _HUGE:
            total, term, shift = total / _HUGE, term / _HUGE, shift + _SHIFT
    return math.log(total) + shift


@lru_cache(maxsize=4096)
def boundary(mismatches: float, alpha: float) -> float:
    """Return x*(S): the smallest n·p0 at which *mismatches* still pass."""
    target = math.log(1 / alpha)
    low, high = 0.0, 2 * mismatches + 4 * target + 8
    while log_e_pass(mismatches, high) < target:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_e_pass(mismatches, middle) < target else (low, middle)
    return high


def weigh(n: int, mismatches: float, limit: float, alpha: float, beta: float) -> Evidence:
    """Return what is known about the claim that the mismatch rate is at most *limit*.

    *alpha* bounds the chance of a false PASS, *beta* that of a false FAIL.
    """
    x = n * limit
    for_pass = log_e_pass(mismatches, x)
    for_fail = log_e_fail(mismatches, x)
    finding = Finding.UNDECIDED
    if n and for_pass >= math.log(1 / alpha):
        finding = Finding.PASS
    elif n and for_fail >= math.log(1 / beta):
        finding = Finding.FAIL
    enough = boundary(mismatches, alpha)
    return Evidence(
        n=n,
        mismatches=mismatches,
        limit=limit,
        finding=finding,
        bound=min(1.0, enough / n) if n else 1.0,
        e_pass=for_pass,
        e_fail=for_fail,
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


def weigh_net(
    worse: list[int], limit: float, alpha: float, beta: float
) -> tuple[Finding, float, float]:
    """Return what windows say about the claim that the net share of worse ones is at most *limit*.

    *worse* holds +1 (candidate worse), -1 (legacy worse) or 0 for each window. Betting e-process
    (Waudby-Smith and Ramdas, JRSS-B 2024), the average over a grid of twenty bets. Gives the
    finding and ln of the two e-values.
    """
    grid = [step / 21 for step in range(1, 21)]
    for_pass = _log_mean(
        [sum(math.log1p(bet / (1 - limit) * (limit - one)) for one in worse) for bet in grid]
    )
    for_fail = _log_mean(
        [sum(math.log1p(bet / (1 + limit) * (one - limit)) for one in worse) for bet in grid]
    )
    if for_pass >= math.log(1 / alpha):
        return Finding.PASS, for_pass, for_fail
    if for_fail >= math.log(1 / beta):
        return Finding.FAIL, for_pass, for_fail
    return Finding.UNDECIDED, for_pass, for_fail


def _log_mean(logs: list[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))
