"""Noise rules held against what they did: stale ones, and ones that hide more than they should."""

import math
from collections.abc import Iterable, Mapping, Sequence

from compare.noise.noise import Watched, watched
from compare.noise.rules import FieldRule

ALPHA = 0.01
"""Chance of a warning about any rule although nothing changed; shared out among the rules."""
MORE = 1.25
"""How much more often than calibrated is worth a sentence: traffic is never quite the same."""


def rule_warnings(
    applied: Mapping[str, int], seen: Mapping[str, int], rules: Sequence[FieldRule]
) -> list[str]:
    """Return sentences about rules that matched nothing, or too much, or were broken.

    *applied* is what ``without_noise`` counted; *seen* the pairs of events by endpoint.
    """
    by_name: dict[str, list[FieldRule]] = {}
    for rule in rules:
        by_name.setdefault(rule.name, []).append(rule)
    alpha = ALPHA / max(1, len(by_name))
    told: list[str] = []
    for one in watched(applied, rules):
        group = by_name[one.rule]
        told += _about(one, group, _pairs(group[0], seen), alpha)
    return told


def _pairs(rule: FieldRule, seen: Mapping[str, int]) -> int:
    return sum(seen.values()) if rule.endpoint == "*" else seen.get(rule.endpoint, 0)


def _about(one: Watched, group: Sequence[FieldRule], pairs: int, alpha: float) -> Iterable[str]:
    if not pairs:
        yield f"noise rule {one.rule!r}: no pair of events of its endpoint was compared"
    elif not one.applied and not one.violated:
        yield f"noise rule {one.rule!r} matched nothing in {pairs:,} pairs of events; remove it"
    if one.violated:
        yield (
            f"noise rule {one.rule!r}: {_times(one.violated)} the field differed outside the "
            f"rule's class ({one.by_candidate:,} with only the candidate's value at fault, "
            f"{one.by_legacy:,} with only legacy's); each is reported as a difference"
        )
    known = [rule.calibrated for rule in group if rule.calibrated is not None]
    if pairs and len(known) == len(group):
        events = max(one.events for one in known)
        # Several keys of a map can differ in one pair, and were calibrated one by one.
        differed, today = min(sum(one.differed for one in known), events), min(one.applied, pairs)
        if is_more(today, pairs, differed, events, alpha):
            yield (
                f"noise rule {one.rule!r} applied to {_share(today, pairs)} of {pairs:,} pairs of "
                f"events, and to {_share(differed, events)} of {events:,} when it was calibrated; "
                "the candidate differs where legacy did not, or the traffic changed: look at it"
            )


def is_more(count: int, of: int, before: int, of_before: int, alpha: float) -> bool:
    """Say whether *count* of *of* is a larger share than *before* of *of_before*, surely.

    It must be ``MORE`` times as large, and the larger by a one-sided exact test at *alpha*.
    """
    if not of or not of_before or count * of_before <= MORE * before * of:
        return False
    return log_chance_of_more(count, of, before, of_before) <= math.log(alpha)


def log_chance_of_more(count: int, of: int, before: int, of_before: int) -> float:
    """Return ln of the chance to see *count* or more when both shares are the same.

    Fisher's exact test (J. R. Stat. Soc. 98, 1935): the upper tail of the hypergeometric law.
    """
    both, total = count + before, of + of_before
    term = _log_choose(of, count) + _log_choose(of_before, before) - _log_choose(total, both)
    factor = tail = 1.0
    for more in range(count, min(both, of)):
        rest = both - more
        factor *= (of - more) * rest / ((more + 1) * (of_before - rest + 1))
        tail += factor
        if factor < 1e-12 * tail:
            break
    return min(0.0, term + math.log(tail))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.3g} %" if of else "none"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
