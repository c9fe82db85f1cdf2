"""The verdict: every gate, every veto, and whether the measurement can be trusted at all.

PASS needs every gate (an intersection-union test: each may use the whole alpha); FAIL is any
gate's (beta is shared out). A run that cannot be trusted is INVALID, and says nothing about the
candidate. Without anything compared there is no PASS.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compare.evidence import Evidence, Finding, weigh, weigh_net
from compare.latency import slow_windows, usable_quantiles, worse_windows
from compare.policy import Policy, RateGate, RelativeGate, SloGate
from compare.tally import Summary


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
    note: str = ""


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


def judge(summary: Summary, ledger: Mapping[str, int], policy: Policy) -> Verdict:
    """Return the verdict on a run. It never gets better by a further mismatch."""
    gates = tuple(_gates(summary, policy))
    invalid = list(_invalid(summary, ledger))
    failed = [f"{gate.name}: {_why_failed(gate)}" for gate in _binding(gates, Finding.FAIL)]
    open_ = [f"{gate.name}: {_why_open(gate)}" for gate in _binding(gates, Finding.UNDECIDED)]
    open_ += _uncovered(summary, policy)
    if invalid:
        outcome, reasons = Outcome.INVALID, invalid + failed
    elif failed:
        outcome, reasons = Outcome.FAIL, failed
    elif open_:
        outcome, reasons = Outcome.UNDECIDED, open_
    else:
        outcome, reasons = Outcome.PASS, []
    needed = [gate.needs or 0 for gate in gates if gate.unit == "distinct requests"]
    needs = max(needed, default=0) if outcome is Outcome.UNDECIDED else None
    return Verdict(outcome, _claim(outcome, policy), gates, tuple(reasons), needs)


def _gates(summary: Summary, policy: Policy) -> Iterator[GateResult]:
    gate = policy.gate
    count = len(gate.rate) + len(gate.slo) + len(gate.relative)
    beta = gate.beta / max(1, count)
    for rate in gate.rate:
        yield _rate(rate, summary, gate.alpha, beta)
    for slo in gate.slo:
        yield _slo(slo, summary, gate.alpha, beta)
    for relative in gate.relative:
        yield from _relative(relative, summary, gate.alpha, beta)


def _rate(gate: RateGate, summary: Summary, alpha: float, beta: float) -> GateResult:
    units = summary.units
    mismatches = {
        "queue": units.queue_mismatches,
        "response": units.response_mismatches,
        "candidate-errors": units.candidate_errors,
    }[gate.counts]
    limit = round(1 - gate.target, 12)
    evidence = weigh(units.distinct, mismatches, limit, alpha, beta)
    what = {
        "queue": "put the same on the queues",
        "response": "are answered the same",
        "candidate-errors": "get an answer that is no error",
    }[gate.counts]
    claim = f"at least {gate.target:.4%} of requests {what}"
    return _weighed(gate.name, claim, "distinct requests", evidence, gate.mode == "advise")


def _slo(gate: SloGate, summary: Summary, alpha: float, beta: float) -> GateResult:
    bad = list(slow_windows(summary.windows.whole(), gate.limit_ms / 1000, gate.share))
    evidence = weigh(len(bad), sum(bad), round(1 - gate.good_windows, 12), alpha, beta)
    claim = (
        f"in {gate.good_windows:.0%} of windows of {summary.windows.seconds:g} s, "
        f"{gate.share:.1%} of requests take under {gate.limit_ms:g} ms"
    )
    return _weighed(gate.name, claim, "windows", evidence, gate.mode == "advise")


def _relative(
    gate: RelativeGate, summary: Summary, alpha: float, beta: float
) -> Iterator[GateResult]:
    windows = summary.windows.whole()
    usable = usable_quantiles(windows, gate.quantiles)
    dropped = [share for share in gate.quantiles if share not in usable]
    note = "".join(f"; p{share * 100:g} left out, too few requests a window" for share in dropped)
    for share in usable or gate.quantiles[:1]:
        signs = list(worse_windows(windows, share, gate.ratio, gate.slack_ms / 1000))
        finding, for_pass, for_fail = weigh_net(signs, gate.net_worse, alpha, beta)
        yield GateResult(
            name=f"{gate.name} p{share * 100:g}",
            claim=(
                f"p{share * 100:g} is worse than legacy's by more than {gate.ratio - 1:.0%} and "
                f"{gate.slack_ms:g} ms in at most {gate.net_worse:.0%} of windows, net"
            ),
            unit="windows",
            n=len(signs),
            mismatches=sum(signs),
            target=gate.net_worse,
            bound=None,
            e_pass=for_pass,
            e_fail=for_fail,
            finding=finding,
            advisory=gate.mode == "advise",
            needs=None,
            needs_at_rate=None,
            note=f"{signs.count(1)} windows worse, {signs.count(-1)} better{note}",
        )


def _weighed(name: str, claim: str, unit: str, evidence: Evidence, advisory: bool) -> GateResult:
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
    )


def _invalid(summary: Summary, ledger: Mapping[str, int]) -> Iterator[str]:
    yield from (f"the run is incomplete: {damage}" for damage in summary.damage)
    if ledger.get("remainder"):
        yield f"the ledger does not close: {ledger['remainder']} requests are in no bucket"
    if summary.pending:
        yield f"{summary.pending} mirrored requests have no recorded outcome"
    if not summary.units.mirrored:
        yield "nothing was compared: the run holds no mirrored request"
    elif not summary.events.legacy and summary.events.candidate:
        yield "legacy's queue gave no event at all, the candidate's did: look at legacy's tap"
    elif not summary.events.legacy and not summary.events.candidate:
        yield "neither queue gave an event: nothing was compared"


def _uncovered(summary: Summary, policy: Policy) -> list[str]:
    least = policy.coverage.min_distinct_requests
    missing = least - summary.units.distinct
    reasons = [f"coverage: {missing} more distinct requests are required"] if missing > 0 else []
    seconds = len(summary.windows.whole()) * summary.windows.seconds
    if seconds < policy.coverage.min_seconds:
        reasons.append(
            f"coverage: {seconds:.0f} s of traffic seen, {policy.coverage.min_seconds:.0f} required"
        )
    return reasons


def _binding(gates: tuple[GateResult, ...], finding: Finding) -> list[GateResult]:
    return [gate for gate in gates if gate.finding is finding and not gate.advisory]


def _why_failed(gate: GateResult) -> str:
    return f"{gate.mismatches:,.0f} of {gate.n:,} {gate.unit} against it, {gate.target:.4%} allowed"


def _why_open(gate: GateResult) -> str:
    if gate.needs is None:
        return f"not enough {gate.unit} yet ({gate.n:,}); {gate.note}"
    more = f"needs {gate.needs:,} more clean {gate.unit}"
    if gate.mismatches and gate.needs_at_rate is None:
        return f"{more}; at the present rate it will not pass"
    if gate.mismatches:
        return f"{more}, or {gate.needs_at_rate:,} at the present rate"
    return more


def _claim(outcome: Outcome, policy: Policy) -> str:
    confidence = f"{1 - policy.gate.alpha:.0%} confidence, valid at any look"
    if outcome is Outcome.PASS:
        rates = ", ".join(f"{gate.name} {gate.target:.2%}" for gate in policy.gate.rate)
        return f"The candidate agrees with legacy on this traffic: {rates} ({confidence})."
    if outcome is Outcome.FAIL:
        return "The candidate does not agree with legacy; see the causes."
    if outcome is Outcome.UNDECIDED:
        return "There is not enough evidence yet, for or against the candidate."
    return "The measurement cannot be trusted; it says nothing about the candidate."
