"""Differences that are expected: each rule a plain function, named, and counted when it applies.

A rule speaks of a class of values and its bounds; it never masks a whole field. Times are paired
first and measured afterwards: a tolerance is no equality, and nothing is matched by it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compare.difference import Difference, Kind, type_name
from compare.item import Pair

_TIMES = ("properties.time", "$time")


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The bounds of the rules."""

    server_time_seconds: float = 2.0
    """How far apart the two services may stamp one event that came without a time."""


Rule = Callable[[Difference, Pair, Tolerances], bool]


def is_server_time(difference: Difference, pair: Pair, tolerances: Tolerances) -> bool:
    """Say whether the two services only stamped an event at different moments.

    The time must have been absent from the request, and be of one type on both sides.
    """
    written, other = difference.legacy, difference.candidate
    if difference.path not in _TIMES or written is None or other is None:
        return False
    if difference.kind not in (Kind.VALUE_NUMBER, Kind.TIME_SHIFT):
        return False
    if not pair.legacy.has_server_time or {type_name(written), type_name(other)} != {"int"}:
        return False
    return abs(float(written) - float(other)) <= tolerances.server_time_seconds


RULES: dict[str, Rule] = {"server time": is_server_time}


def without_noise(
    found: Iterable[Difference], pair: Pair, tolerances: Tolerances, applied: dict[str, int]
) -> list[Difference]:
    """Return the differences that no rule allows; count in *applied* what each rule did."""
    rest: list[Difference] = []
    for difference in found:
        rule = next(
            (name for name, allows in RULES.items() if allows(difference, pair, tolerances)), ""
        )
        if rule:
            applied[rule] = applied.get(rule, 0) + 1
        else:
            rest.append(difference)
    return rest
