"""Differences that are expected: each rule named, and counted when it applies.

A rule speaks of a class of values and its bounds; it never masks a whole field. Times are paired
first and measured afterwards: a tolerance is no equality, and nothing is matched by it. What a
rule speaks of and does not allow is counted, too: a masked field is still watched.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compare.differing.canonical import parse
from compare.differing.difference import Difference, Kind, type_name
from compare.noise.fields import FieldRules, allowing, fits
from compare.noise.rules import FieldRule
from compare.pairing.item import Pair
from pyingest.wire.term import Object

_TIMES = ("properties.time", "$time")
_VIOLATED, _BY_CANDIDATE, _BY_LEGACY = " violated", " broken by candidate", " broken by legacy"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The bounds of the rules."""

    server_time_seconds: float = 2.0
    """How far apart the two services may stamp one event that came without a time."""
    fields: FieldRules = field(default_factory=FieldRules)
    """What a policy's ``[[noise.field]]`` allow."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of the fields that a rule speaks of, in pairs of events."""

    rule: str
    applied: int
    """Pairs in which it allowed a difference."""
    violated: int
    """Pairs with a difference that it did not."""
    by_candidate: int = 0
    """Of these, ones in which only the candidate's value is not what the rule expects."""
    by_legacy: int = 0
    """Ones in which only legacy's is not. While the two services are interchangeable, it is as
    often the one as the other."""


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
    """Return the differences that no rule allows.

    Counts in *applied* what each rule did, once a pair: under its name that it allowed something,
    and for :func:`watched` that something it speaks of was not allowed.
    """
    rest: list[Difference] = []
    names: set[str] = set()
    endpoint = endpoint_of(pair.legacy.event.body) if tolerances.fields.rules else ""
    for difference in found:
        rule = next(
            (name for name, allows in RULES.items() if allows(difference, pair, tolerances)), ""
        )
        over = () if rule else tolerances.fields.over(endpoint, difference.path)
        allowed = allowing(over, difference)
        if rule or allowed is not None:
            names.add(rule or (allowed.name if allowed else ""))
        else:
            rest.append(difference)
            names.update(_broken(over, difference))
    for name in sorted(names):
        applied[name] = applied.get(name, 0) + 1
    return rest


def _broken(rules: Iterable[FieldRule], difference: Difference) -> Iterator[str]:
    """Yield what to count when *rules* speak of *difference* and none allows it.

    Where several speak of one field, that is those which know one of the two values.
    """
    fitting = [
        (rule.name, fits(rule, difference.legacy), fits(rule, difference.candidate))
        for rule in rules
    ]
    known = [one for one in fitting if one[1] or one[2]]
    for name, ours, theirs in known or fitting:
        yield name + _VIOLATED
        if ours != theirs:
            yield name + (_BY_CANDIDATE if ours else _BY_LEGACY)


def watched(applied: Mapping[str, int], rules: Iterable[FieldRule]) -> list[Watched]:
    """Return for each of *rules* what :func:`without_noise` counted, in their order."""
    names = dict.fromkeys(rule.name for rule in rules)
    ends = ("", _VIOLATED, _BY_CANDIDATE, _BY_LEGACY)
    return [Watched(name, *(applied.get(name + end, 0) for end in ends)) for name in names]


def endpoint_of(body: bytes) -> str:
    """Return ``track`` or ``engage``: which of them an event of this *body* came through."""
    if b'"properties"' not in body:
        return "engage"
    term = parse(body)
    has_properties = isinstance(term, dict | Object) and term.get("properties") is not None
    return "track" if has_properties else "engage"
