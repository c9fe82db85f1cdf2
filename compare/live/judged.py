"""What one look at the evidence says: the words between the judge and the page."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import msgspec

from compare.judging.gates import GateResult
from compare.judging.verdict import Verdict
from compare.policy.policy import Policy, policy_hash
from compare.render.visible import encodable, visible
from compare.stages.tally import Cause, Example, Summary
from shadow.runs.manifest import Manifest

CAUSES = 12
"""Causes that are shown; the report has all."""
LONGEST = 1500
"""Characters of one side of an example."""


class Judged(msgspec.Struct, kw_only=True):
    """The verdict so far with what it rests on."""

    state: str
    """``waiting`` (there is no run yet), ``recording``, ``complete``, ``abandoned`` (its writers
    are gone), ``failed`` (it cannot be compared)."""
    why: str = ""
    """Of ``waiting`` and ``failed``: the reason."""
    at: float = 0.0
    """Epoch seconds at which the look was taken."""
    seconds: float = 0.0
    """How long it took."""
    until: float | None = None
    """Epoch seconds up to which the traffic counts; ``None``: all of it."""
    outcome: str = "UNDECIDED"
    claim: str = ""
    reasons: list[str] = []
    notes: list[str] = []
    needs: int | None = None
    """Distinct requests still needed if all are clean."""
    final: bool = False
    """Whether nothing can change any more: the run is at its end and was read to its end."""
    gates: list[dict[str, Any]] = []
    causes: list[dict[str, Any]] = []
    """The largest; see :data:`CAUSES`."""
    all_causes: int = 0
    events: dict[str, int] = {}
    requests: dict[str, int] = {}
    policy: str = ""
    policy_hash: str = ""
    legacy: dict[str, str] = {}
    candidate: dict[str, str] = {}
    """What was run on this side: ``url``, ``queue``, ``build``."""
    created: float | None = None
    ledger: dict[str, int] = {}
    """The run's own, which it has at its end."""

    @property
    def build(self) -> str:
        """The candidate's build, whose evidence this is."""
        return self.candidate.get("build", "")


def judged(
    summary: Summary, manifest: Manifest, verdict: Verdict, policy: Policy, state: str
) -> Judged:
    """Return what a look found, fit to be shown anywhere."""
    return Judged(
        state=state,
        outcome=verdict.outcome.value,
        claim=verdict.claim,
        reasons=[shown(reason) for reason in verdict.reasons],
        notes=[shown(note) for note in (*manifest.notes, *verdict.notes)],
        needs=verdict.needs,
        gates=[_gate(gate) for gate in verdict.gates],
        causes=_causes(summary.causes),
        all_causes=len(summary.causes),
        events=asdict(summary.events),
        requests=asdict(summary.units),
        policy=policy.name,
        policy_hash=policy_hash(policy),
        legacy={key: shown(value) for key, value in manifest.legacy.items()},
        candidate={key: shown(value) for key, value in manifest.candidate.items()},
        created=manifest.created,
        ledger=dict(manifest.ledger),
    )


def shown(text: str) -> str:
    """Return *text* with nothing hidden in it, and in a form that any encoding takes."""
    return str(encodable(visible(text)))


def _gate(gate: GateResult) -> dict[str, Any]:
    """Return a gate as plain data, without e-values, which are infinite at times."""
    return {
        "name": gate.name,
        "claim": gate.claim,
        "finding": gate.finding.value,
        "advisory": gate.advisory,
        "unit": gate.unit,
        "n": gate.n,
        "mismatches": gate.mismatches,
        "estimate": gate.estimate,
        "bound": gate.bound,
        "target": gate.target,
        "needs": gate.needs,
        "needs_at_rate": gate.needs_at_rate,
        "note": gate.note,
    }


def _causes(causes: Iterable[Cause]) -> list[dict[str, Any]]:
    """Return the largest causes, those that nobody accepted first, each with one example."""
    order = sorted(causes, key=lambda one: bool(one.accepted))
    return [_cause(one) for one in order[:CAUSES]]


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "signature": cause.signature,
        "title": shown(cause.title),
        "endpoint": shown(cause.endpoint),
        "kind": cause.kind,
        "path": shown(cause.path),
        "explanation": shown(cause.explanation),
        "advice": shown(cause.advice),
        "requests": cause.requests,
        "share": cause.marginal,
        "accepted": shown(cause.accepted or ""),
        "clients": sorted({client for found in cause.clients.values() for client in found}),
        "example": _example(cause.examples[0]) if cause.examples else None,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "request": _cut(example.request),
        "legacy": _cut(example.legacy),
        "candidate": _cut(example.candidate),
    }


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST:
        return None if text is None else shown(text)
    return f"{shown(text[:LONGEST])} … and {len(text) - LONGEST:,} characters more"
