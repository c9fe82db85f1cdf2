"""The verdict: every gate, every veto, and whether the measurement can be trusted at all.

PASS needs every gate (an intersection-union test: each may use the whole alpha); FAIL is any
gate's (beta is shared out). A run that cannot be trusted is INVALID, and says nothing about the
candidate. Without anything compared there is no PASS.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from compare.judging.evidence import Finding
from compare.judging.gates import GateResult, judged, percent, rounded
from compare.judging.trust import is_closed, untold
from compare.judging.validity import (
    discards,
    flaws,
    is_unseen_told,
    shortcomings,
    thin_dialects,
)
from compare.policy.acceptance import AcceptanceState, accepted_requests, day_of, faults, states
from compare.policy.policy import Policy, Veto
from compare.stages.tally import Summary
from shadow.exchange import Side
from shadow.runs.manifest import Manifest

__all__ = ["GateResult", "Outcome", "Verdict", "exit_code", "judge", "percent", "rounded"]

LISTED = 10
"""Names in one note."""


class Outcome(enum.StrEnum):
    """The verdict in one word."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNDECIDED = "UNDECIDED"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        """The usual exit code: 0, 1, 3, 4. 2 is wrong usage."""
        return {"PASS": 0, "FAIL": 1, "UNDECIDED": 3, "INVALID": 4}[self.value]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run amounts to."""

    outcome: Outcome
    claim: str
    gates: tuple[GateResult, ...]
    reasons: tuple[str, ...]
    """Why it is not PASS; empty for one."""
    needs: int | None
    """Distinct requests still needed if all are clean, for an UNDECIDED run that may go on."""
    notes: tuple[str, ...] = ()
    """What a reader should know whatever the verdict is."""
    acceptances: tuple[AcceptanceState, ...] = ()
    """How each accepted difference of the policy fared."""
    exit_code: int = 0
    """0 PASS, 1 FAIL, 3 UNDECIDED, 4 INVALID; the policy can choose UNDECIDED's."""
    final: bool = False
    """Whether an UNDECIDED run has had all the requests that the policy allows it."""


def judge(summary: Summary, manifest: Manifest, policy: Policy) -> Verdict:
    """Return the verdict on a run. It never gets better by a further mismatch."""
    gates = tuple(judged(summary, policy, closed=is_closed(manifest)))
    fared = tuple(
        states(policy, accepted_requests(summary), summary.units.distinct, day_of(manifest.created))
    )
    invalid = list(flaws(summary, manifest, policy))
    failed = [f"{gate.name}: {_why_failed(gate)}" for gate in _binding(gates, Finding.FAIL)]
    failed += [*_vetoes(summary, policy), *faults(fared, policy, "fail")]
    open_ = [f"{gate.name}: {_why_open(gate)}" for gate in _binding(gates, Finding.UNDECIDED)]
    open_ += shortcomings(summary, manifest.ledger, policy)
    open_ += discards(Side.LEGACY, manifest.taps)
    outcome, reasons = Outcome.PASS, list[str]()
    if invalid:
        outcome, reasons = Outcome.INVALID, invalid + failed
    elif failed:
        outcome, reasons = Outcome.FAIL, failed
    elif open_:
        outcome, reasons = Outcome.UNDECIDED, open_
    final = outcome is Outcome.UNDECIDED and _is_final(summary, policy)
    if final:
        reasons.insert(0, _why_final(summary, policy))
    return Verdict(
        outcome=outcome,
        claim=_claim(outcome, policy),
        gates=gates,
        reasons=tuple(reasons),
        needs=_needed(gates, summary, policy) if outcome is Outcome.UNDECIDED else None,
        notes=(*faults(fared, policy, "warn"), *notes(summary, manifest, policy)),
        acceptances=fared,
        exit_code=exit_code(outcome, policy),
        final=final,
    )


def exit_code(outcome: Outcome, policy: Policy) -> int:
    """Return the exit code of ``compare``; the policy chooses the one of UNDECIDED."""
    if outcome is Outcome.UNDECIDED:
        return {"exit-3": 3, "pass": 0, "fail": 1}[policy.gate.on_undecided]
    return outcome.exit_code


def notes(summary: Summary, manifest: Manifest, policy: Policy) -> Iterator[str]:
    """Yield what a reader should know of a run whatever its verdict is."""
    gate = policy.gate
    if is_closed(manifest) and (gate.slo or gate.relative):
        yield "the load was a closed loop: the latency gates advise and decide nothing"
    if gate.attempts == "spend":
        alpha = percent(gate.attempt_alpha)
        yield f"attempt {gate.attempt}: {alpha} of the {percent(gate.alpha)} for a false PASS"
    elif gate.attempt > 1:
        yield (
            f"attempt {gate.attempt}, each at {percent(gate.alpha)}: "
            "the chance that one of several attempts passes falsely is larger"
        )
    thin = thin_dialects(summary, policy)
    if thin:
        more = f" and {len(thin) - LISTED} more" if len(thin) > LISTED else ""
        few = ", ".join(thin[:LISTED])
        yield f"under {policy.coverage.per_dialect} requests seen of: {few}{more}"
    if not is_unseen_told(summary) and policy.coverage.max_unseen < 1:
        yield "nobody estimated how much traffic is of a shape not seen; max_unseen is not checked"
    if summary.units.set_aside:
        yield (
            f"{summary.units.set_aside:,} distinct requests that legacy did not answer "
            "are set aside: nothing is held against the candidate there"
        )
    yield from untold(summary, manifest, policy)
    yield from discards(Side.CANDIDATE, manifest.taps)


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
            kinds = " or ".join([*veto.kinds, *veto.categories])
            who = "request has" if count == 1 else "requests have"
            yield f"veto: {count:,} {who} differences of kind {kinds} that nobody accepted"


def _vetoed(summary: Summary, veto: Veto) -> int:
    kinds = veto.vetoed
    causes = [cause for cause in summary.causes if cause.kind in kinds and not cause.accepted]
    return sum(cause.requests for cause in causes)


def _is_final(summary: Summary, policy: Policy) -> bool:
    most = policy.gate.max_requests
    return most is not None and summary.units.distinct >= most


def _why_final(summary: Summary, policy: Policy) -> str:
    return (
        f"final: {summary.units.distinct:,} distinct requests seen, the policy allows "
        f"{policy.gate.max_requests or 0:,}: undecided for good; change the candidate, "
        "or ask for something else"
    )


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
        confidence = f"{percent(1 - policy.gate.attempt_alpha)} confidence, valid at any look"
        return f"The candidate agrees with legacy on this traffic: {said} ({confidence})."
    return {
        Outcome.FAIL: "The candidate does not agree with legacy; see the causes.",
        Outcome.UNDECIDED: "There is not enough evidence yet, for or against the candidate.",
        Outcome.INVALID: "The measurement cannot be trusted; it says nothing about the candidate.",
    }[outcome]
