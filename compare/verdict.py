"""The verdict: every gate, every veto, and whether the measurement can be trusted at all.

PASS needs every gate (an intersection-union test: each may use the whole alpha); FAIL is any
gate's (beta is shared out). A run that cannot be trusted is INVALID, and says nothing about the
candidate. Without anything compared there is no PASS.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from compare.evidence import Evidence, Finding, weigh, weigh_net
from compare.latency import BEYOND, slow_windows, usable_quantiles, worse_windows
from compare.policy import Policy, RateGate, RelativeGate, SloGate, Veto
from compare.tally import EventCounts, Summary
from compare.validity import flaws, shortcomings
from shadow.recording import Manifest


class Outcome(enum.StrEnum):
    """The verdict in one word."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNDECIDED = "UNDECIDED"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        """The exit code of ``compare``: 0, 1, 3, 4. 2 is wrong usage."""
        return {"PASS": 0, "FAIL": 1, "UNDECIDED": 3, "INVALID": 4}[self.value]


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate, and what the run shows about it."""

    name: str
    claim: str
    unit: str
    """``distinct requests`` or ``windows``."""
    n: int
    mismatches: float
    target: float
    """Largest rate of mismatches that passes."""
    bound: float | None
    """Upper bound of the rate, valid at any look; ``None`` where the gate has none."""
    e_pass: float
    e_fail: float
    finding: Finding
    advisory: bool
    needs: int | None
    """Further units for a PASS if all are clean; ``None``: cannot be said."""
    needs_at_rate: int | None
    """Further units at the present rate; ``None``: it will not pass at this rate."""
    note: str = ""

    @property
    def estimate(self) -> float:
        """The observed rate; 0 when there are no units."""
        return self.mismatches / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run amounts to."""

    outcome: Outcome
    claim: str
    gates: tuple[GateResult, ...]
    reasons: tuple[str, ...]
    """Why it is not PASS; empty for one."""
    needs: int | None
    """Distinct requests still needed if all are clean, for an UNDECIDED run."""


def judge(summary: Summary, manifest: Manifest, policy: Policy) -> Verdict:
    """Return the verdict on a run. It never gets better by a further mismatch."""
    gates = tuple(_gates(summary, policy))
    invalid = list(flaws(summary, manifest))
    failed = [f"{gate.name}: {_why_failed(gate)}" for gate in _binding(gates, Finding.FAIL)]
    failed += _vetoes(summary, policy)
    open_ = [f"{gate.name}: {_why_open(gate)}" for gate in _binding(gates, Finding.UNDECIDED)]
    open_ += shortcomings(summary, manifest.ledger, policy)
    if invalid:
        outcome, reasons = Outcome.INVALID, invalid + failed
    elif failed:
        outcome, reasons = Outcome.FAIL, failed
    elif open_:
        outcome, reasons = Outcome.UNDECIDED, open_
    else:
        outcome, reasons = Outcome.PASS, []
    needs = _needed(gates, summary, policy) if outcome is Outcome.UNDECIDED else None
    return Verdict(outcome, _claim(outcome, policy), gates, tuple(reasons), needs)


def _needed(gates: tuple[GateResult, ...], summary: Summary, policy: Policy) -> int:
    needed = [policy.coverage.min_distinct_requests - summary.units.distinct, 0]
    for gate in _binding(gates, Finding.UNDECIDED):
        if gate.unit == "distinct requests":
            needed.append(gate.needs or 0)
    return max(needed)


def _vetoes(summary: Summary, policy: Policy) -> Iterator[str]:
    for veto in policy.veto:
        count = _vetoed(summary, veto)
        if count >= veto.min_count:
            kinds = " or ".join(veto.kinds)
            who = "request has" if count == 1 else "requests have"
            yield f"veto: {count:,} {who} differences of kind {kinds} that nobody accepted"


def _vetoed(summary: Summary, veto: Veto) -> int:
    causes = [cause for cause in summary.causes if cause.kind in veto.kinds and not cause.accepted]
    return sum(cause.requests for cause in causes)


def _gates(summary: Summary, policy: Policy) -> Iterator[GateResult]:
    gate = policy.gate
    # Only what can fail the run shares its chance of a false FAIL.
    gating = sum(one.mode == "gate" for one in gate.rate)
    gating += sum(one.mode == "gate" for one in gate.slo)
    gating += sum(len(one.quantiles) for one in gate.relative if one.mode == "gate")
    beta = gate.beta / max(1, gating)
    for rate in gate.rate:
        yield _rate(rate, summary, gate.alpha, beta)
    for slo in gate.slo:
        yield _slo(slo, summary, gate.alpha, beta)
    for relative in gate.relative:
        yield from _relative(relative, summary, gate.alpha, beta)


def _rate(gate: RateGate, summary: Summary, alpha: float, beta: float) -> GateResult:
    if gate.counts == "events":
        return _events(gate, summary.events, alpha, beta)
    units = summary.units
    mismatches, what = {
        "queue": (units.queue_mismatches, "put the same on the queues"),
        "response": (units.response_mismatches, "are answered the same"),
        "candidate-errors": (units.candidate_errors, "get an answer that is no error"),
    }[gate.counts]
    evidence = weigh(units.distinct, mismatches, _allowed(gate.target), alpha, beta)
    claim = f"at least {percent(gate.target)} of requests {what}"
    return _weighed(gate.name, claim, "distinct requests", evidence, gate.mode == "advise")


def _events(gate: RateGate, events: EventCounts, alpha: float, beta: float) -> GateResult:
    """Judge events, each counting as 1/max_cluster of a unit: X = (bad events)/m is in [0, 1]."""
    cluster = gate.max_cluster
    bad = events.changed + events.misrouted + events.missing + events.extra
    bad += events.duplicate + events.duplicate_lost
    n = events.identical + events.equal + events.tolerated + bad
    size, wrong = (n // cluster, bad / cluster) if cluster else (n, bad)
    evidence = weigh(size, wrong, _allowed(gate.target), alpha, beta)
    note = f"each event counts as 1/{cluster}"
    if not cluster:
        note = "as if events were independent, which those of one request are not"
    claim = f"at least {percent(gate.target)} of events are the same"
    return _weighed(gate.name, claim, "events", evidence, gate.mode == "advise", note)


def _slo(gate: SloGate, summary: Summary, alpha: float, beta: float) -> GateResult:
    bad = list(slow_windows(summary.windows.whole(), gate.limit_ms / 1000, gate.share))
    evidence = weigh(len(bad), sum(bad), _allowed(gate.good_windows), alpha, beta)
    claim = (
        f"in at least {percent(gate.good_windows)} of windows of {summary.windows.seconds:g} s, "
        f"{percent(gate.share)} of requests take at most {gate.limit_ms:g} ms"
    )
    return _weighed(gate.name, claim, "windows", evidence, gate.mode == "advise")


def _relative(
    gate: RelativeGate, summary: Summary, alpha: float, beta: float
) -> Iterator[GateResult]:
    windows = summary.windows.whole()
    usable = usable_quantiles(windows, gate.quantiles)
    dropped = ", ".join(f"p{share * 100:g}" for share in gate.quantiles if share not in usable)
    thin = f"left out: {dropped}; under {BEYOND} requests beyond it a window" if dropped else ""
    for share in usable:
        signs = list(worse_windows(windows, share, gate.ratio, gate.slack_ms / 1000))
        yield _quantile(gate, share, signs, thin, alpha, beta)
    if not usable:
        # Nothing can be judged: the gate stays open, and says why.
        yield _quantile(gate, gate.quantiles[0], [], thin, alpha, beta)


def _quantile(
    gate: RelativeGate, share: float, signs: list[int], thin: str, alpha: float, beta: float
) -> GateResult:
    finding, for_pass, for_fail = weigh_net(signs, gate.net_worse, alpha, beta)
    worse, better = signs.count(1), signs.count(-1)
    notes = [f"{worse} windows worse, {better} better"] if signs else []
    if worse and better and worse + better > 0.3 * len(signs):
        notes.append("it jumps both ways: judge another quantile, or an slo, by this traffic")
    name = f"p{share * 100:g}"
    return GateResult(
        name=f"{gate.name} {name}",
        claim=(
            f"{name} is worse than legacy's by more than {gate.ratio - 1:.0%} and "
            f"{gate.slack_ms:g} ms in at most {percent(gate.net_worse)} of windows, net"
        ),
        unit="windows",
        n=len(signs),
        mismatches=worse - better,
        target=gate.net_worse,
        bound=None,
        e_pass=for_pass,
        e_fail=for_fail,
        finding=finding,
        advisory=gate.mode == "advise",
        needs=_even_windows_needed(signs, gate.net_worse, alpha, beta),
        needs_at_rate=None,
        note="; ".join([*notes, thin] if thin else notes),
    )


def _even_windows_needed(signs: list[int], limit: float, alpha: float, beta: float) -> int | None:
    """Return how many further windows without a difference a PASS takes; ``None``: thousands."""

    def passes(more: int) -> bool:
        return weigh_net(signs + [0] * more, limit, alpha, beta)[0] is Finding.PASS

    if passes(0):
        return 0
    low, high = 0, 1
    while not passes(high):
        low, high = high, high * 2
        if high > 4096:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _weighed(
    name: str, claim: str, unit: str, evidence: Evidence, advisory: bool, note: str = ""
) -> GateResult:
    return GateResult(
        name=name,
        claim=claim,
        unit=unit,
        n=evidence.n,
        mismatches=evidence.mismatches,
        target=evidence.limit,
        bound=evidence.bound,
        e_pass=evidence.e_pass,
        e_fail=evidence.e_fail,
        finding=evidence.finding,
        advisory=advisory,
        needs=evidence.needs_clean,
        needs_at_rate=evidence.needs_at_rate,
        note=note,
    )


def percent(share: float) -> str:
    """Return a share as people write it: 99.99 %, with no digits that say nothing."""
    return f"{share * 100:.6g} %"


def rounded(rate: float) -> str:
    """Return an observed rate, or a bound of one, with three digits."""
    return f"{rate * 100:.3g} %"


def _allowed(target: float) -> float:
    # 1 - 0.9999 is a little more than 0.0001; the gate must not be laxer than it says.
    return round(1 - target, 12)


def _binding(gates: tuple[GateResult, ...], finding: Finding) -> list[GateResult]:
    return [gate for gate in gates if gate.finding is finding and not gate.advisory]


def _why_failed(gate: GateResult) -> str:
    observed = f"{gate.mismatches:,.0f} of {gate.n:,.0f} {gate.unit} against it"
    return f"{observed} ({rounded(gate.estimate)}), {percent(gate.target)} allowed"


def _why_open(gate: GateResult) -> str:
    if not gate.n:
        return f"no {gate.unit} to judge by" + (f"; {gate.note}" if gate.note else "")
    if gate.needs is None:
        return f"not enough {gate.unit} yet ({gate.n:,.0f}); {gate.note}"
    more = f"needs {gate.needs:,} more clean {gate.unit}"
    if gate.bound is not None and gate.mismatches and gate.needs_at_rate is None:
        return f"{more}; at the present rate it will not pass"
    if gate.mismatches and gate.needs_at_rate is not None:
        return f"{more}, or {gate.needs_at_rate:,} at the present rate"
    return more


def _claim(outcome: Outcome, policy: Policy) -> str:
    if outcome is Outcome.PASS:
        rates = [gate for gate in policy.gate.rate if gate.mode == "gate"]
        said = ", ".join(f"{gate.name} at least {percent(gate.target)}" for gate in rates)
        confidence = f"{percent(1 - policy.gate.alpha)} confidence, valid at any look"
        return f"The candidate agrees with legacy on this traffic: {said} ({confidence})."
    return {
        Outcome.FAIL: "The candidate does not agree with legacy; see the causes.",
        Outcome.UNDECIDED: "There is not enough evidence yet, for or against the candidate.",
        Outcome.INVALID: "The measurement cannot be trusted; it says nothing about the candidate.",
    }[outcome]
