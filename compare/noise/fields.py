"""Noise rules for single fields at work: which rule a difference falls under, and if it is allowed.

A rule never masks a field. A shape demands its type, length and pattern of *both* sides; a
tolerance bounds the distance; ``unordered`` takes permutations only. Values whose text was cut
short cannot be checked and are never allowed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from compare.differing.difference import Difference, Kind, type_name
from compare.noise.rules import NUMERIC, FieldRule
from compare.noise.values import as_number, as_string, seconds_between

KEY = r"[^.\[\]]+"
"""What ``*`` stands for in a path: one key."""
MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class FieldRules:
    """All rules of a policy, found by endpoint and path."""

    rules: tuple[FieldRule, ...] = ()
    _known: dict[tuple[str, str], tuple[FieldRule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """What was found before; paths come from clients, so not without bound."""

    def over(self, endpoint: str, path: str) -> Sequence[FieldRule]:
        """Return the rules that speak of this field."""
        found = self._known.get((endpoint, path))
        if found is None:
            found = tuple(rule for rule in self.rules if _speaks_of(rule, endpoint, path))
            if len(self._known) < MOST_KNOWN:
                self._known[endpoint, path] = found
        return found


def _speaks_of(rule: FieldRule, endpoint: str, path: str) -> bool:
    pattern = _path_pattern(rule.path)
    return rule.endpoint in ("*", endpoint) and pattern.fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _path_pattern(template: str) -> re.Pattern[str]:
    return re.compile(KEY.join(re.escape(part) for part in template.split("*")), re.DOTALL)


def allowing(rules: Iterable[FieldRule], difference: Difference) -> FieldRule | None:
    """Return the first of *rules* that allows *difference*; ``None`` if none does."""
    return next((rule for rule in rules if allows(rule, difference)), None)


def allows(rule: FieldRule, difference: Difference) -> bool:
    """Say whether *difference*, in a field that *rule* speaks of, is of the class it allows."""
    ours, theirs = difference.legacy, difference.candidate
    if ours is None or theirs is None or difference.kind is Kind.DUPLICATE_KEY:
        return False
    if rule.class_ == "unordered":
        return difference.kind is Kind.REORDERED
    if rule.class_ == "tolerance":
        return _are_near(rule, ours, theirs)
    return fits(rule, ours) and fits(rule, theirs) and _is_in_band(rule, ours, theirs)


def fits(rule: FieldRule, written: str | None) -> bool:
    """Say whether one side's value, by itself, is what *rule* expects in its field."""
    if written is None:
        return False
    if rule.class_ == "unordered":
        return type_name(written) == "list"
    if rule.class_ == "tolerance":
        return _is_of_type(rule.type or "number", written)
    return _has_shape(rule, written)


def _are_near(rule: FieldRule, ours: str, theirs: str) -> bool:
    if rule.type is None and type_name(ours) != type_name(theirs):
        return False
    if not (fits(rule, ours) and fits(rule, theirs)):
        return False
    if rule.at_most is None:
        return _is_in_band(rule, ours, theirs)
    left, right = as_number(ours), as_number(theirs)
    return left is not None and right is not None and abs(left - right) <= Decimal(rule.at_most)


def _has_shape(rule: FieldRule, written: str) -> bool:
    kind = rule.type or "string"
    if not _is_of_type(kind, written) or written.endswith("…"):
        return False
    value = as_string(written) if kind in ("string", "time") else written
    if value is None:
        return False
    if rule.length is not None and not rule.length[0] <= len(value) <= rule.length[1]:
        return False
    return rule.pattern is None or re.fullmatch(rule.pattern, value) is not None


def _is_of_type(kind: str, written: str) -> bool:
    found = type_name(written)
    match kind:
        case "number":
            return found in ("int", "float")
        case "time":
            return found == "string" and seconds_apart(written, written) is not None
    return found == kind


def _is_in_band(rule: FieldRule, ours: str, theirs: str) -> bool:
    if rule.band is None:
        return True
    apart = number_apart(ours, theirs) if rule.type in (None, *NUMERIC) else None
    if apart is None:
        apart = seconds_apart(ours, theirs)
    return apart is not None and Decimal(rule.band[0]) <= apart <= Decimal(rule.band[1])


def number_apart(ours: str, theirs: str) -> Decimal | None:
    """Return candidate minus legacy, of the texts of two numbers."""
    left, right = as_number(ours), as_number(theirs)
    return None if left is None or right is None else right - left


def seconds_apart(ours: str, theirs: str) -> Decimal | None:
    """Return candidate minus legacy in seconds, of the JSON texts of two ISO 8601 strings."""
    left, right = as_string(ours), as_string(theirs)
    return None if left is None or right is None else seconds_between(left, right)
