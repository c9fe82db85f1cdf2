"""Where a policy asks for less than another one: found by comparing them, whatever it says."""

from collections.abc import Iterator, Sequence
from typing import Any

from compare.policy.policy import Policy, RateGate, RelativeGate, SloGate
from compare.policy.shape import Section

_LARGER_IS_LESS = (
    "gate.alpha",
    "coverage.top_token_share",
    "coverage.max_unseen",
    "validity.late_after_seconds",
    "validity.max_late_share",
    "validity.max_lag_ms",
    "validity.max_dropped_share",
    "validity.max_legacy_error_share",
    "noise.server_time_seconds",
    "accepting.at_most",
)
_SMALLER_IS_LESS = (
    "gate.latency.window_seconds",
    "coverage.min_distinct_requests",
    "coverage.min_seconds",
    "coverage.per_endpoint",
    "coverage.per_dialect",
    "coverage.tokens",
    "coverage.min_mirrored_share",
    "validity.require_calibration",
)
_GATE_LARGER = {"limit_ms", "ratio", "slack_ms", "net_worse"}
_GATE_KEYS = ("target", "limit_ms", "share", "good_windows", "ratio", "slack_ms", "net_worse")
AnyGate = RateGate | SloGate | RelativeGate


def relaxations(policy: Policy, than: Policy) -> list[str]:
    """Return in words where *policy* asks for less than the policy *than*."""
    return [
        *_bounds(policy, than),
        *_rates(policy, than),
        *_latencies(policy.gate.slo, than.gate.slo, "slo"),
        *_latencies(policy.gate.relative, than.gate.relative, "relative"),
        *_vetoes(policy, than),
        *_others(policy, than),
    ]


def _bounds(policy: Policy, than: Policy) -> Iterator[str]:
    for path in (*_LARGER_IS_LESS, *_SMALLER_IS_LESS):
        ours, theirs = _at(policy, path), _at(than, path)
        less = ours > theirs if path in _LARGER_IS_LESS else ours < theirs
        # A number of requests and a share cannot be told apart by size.
        if less or (path == "accepting.at_most" and type(ours) is not type(theirs)):
            yield _instead(path, ours, theirs)


def _rates(policy: Policy, than: Policy) -> Iterator[str]:
    for wanted in than.gate.rate:
        if wanted.mode == "advise":
            continue
        same = [one for one in policy.gate.rate if one.counts == wanted.counts]
        binding = [one for one in same if one.mode == "gate" and not one.stratum]
        if binding:
            yield from _laxer(max(binding, key=lambda one: one.target), wanted)
        else:
            what = "only advises" if same else "is not judged"
            yield f"{wanted.name} {what}; {wanted.counts} must agree to {wanted.target:g}"


def _latencies(ours: Sequence[Any], theirs: Sequence[Any], kind: str) -> Iterator[str]:
    binding = [one for one in ours if one.mode == "gate"]
    for wanted in theirs:
        if wanted.mode == "advise":
            continue
        named = [one for one in binding if one.name == wanted.name] or binding[:1]
        if not named:
            yield f"{wanted.name} is not required: there is no [[gate.{kind}]] that decides"
            continue
        yield from _laxer(named[0], wanted)
        left_out = sorted(_quantiles(wanted) - _quantiles(named[0]))
        if left_out:
            names = ", ".join(f"p{one * 100:g}" for one in left_out)
            yield f"{named[0].name}: not judged at {names}"


def _quantiles(gate: AnyGate) -> set[float]:
    return {*gate.quantiles} if isinstance(gate, RelativeGate) else set()


def _laxer(ours: AnyGate, theirs: AnyGate) -> Iterator[str]:
    for key in _GATE_KEYS:
        one, other = getattr(ours, key, None), getattr(theirs, key, None)
        if one is None or other is None:
            continue
        if (one > other) if key in _GATE_LARGER else (one < other):
            yield _instead(f"{ours.name}: {key}", one, other)


def _vetoes(policy: Policy, than: Policy) -> Iterator[str]:
    ours, theirs = _vetoed(policy), _vetoed(than)
    free = sorted(theirs.keys() - ours.keys())
    if free:
        yield f"no veto on differences of kind {', '.join(free)}"
    for kind in sorted(theirs.keys() & ours.keys()):
        if ours[kind] > theirs[kind]:
            yield _instead(f"veto on {kind}: min_count", ours[kind], theirs[kind])


def _vetoed(policy: Policy) -> dict[str, int]:
    """Return how many requests with each kind it takes for a veto."""
    counts: dict[str, int] = {}
    for veto in policy.veto:
        for kind in veto.vetoed:
            counts[kind] = min(counts.get(kind, veto.min_count), veto.min_count)
    return counts


def _others(policy: Policy, than: Policy) -> Iterator[str]:
    for name in sorted({*than.compare.headers} - {*policy.compare.headers}):
        yield f"the answers' header {name} is not compared"
    for key in ("stale", "over_broad"):
        if _at(policy.accepting, key) == "warn" and _at(than.accepting, key) == "fail":
            yield f"accepting.{key}: a warning instead of a failure"
    if policy.gate.on_undecided == "pass" != than.gate.on_undecided:
        yield "UNDECIDED ends with exit code 0, as if it were a PASS"


def _at(section: Section, path: str) -> Any:
    found: Any = section
    for key in path.split("."):
        found = getattr(found, key)
    return found


def _instead(what: str, ours: object, theirs: object) -> str:
    return f"{what} {_written(ours)} instead of {_written(theirs)}"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
