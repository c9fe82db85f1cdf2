"""The report as one value, and as plain data: the source of every rendering.

It holds no clock and no host: the same run and policy give the same bytes, whenever and wherever.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from compare.judging.latency import QUANTILES, Histogram, Windows
from compare.judging.shadowtax import shadow_tax
from compare.judging.validity import mirrored_share, thin_dialects, uncovered
from compare.judging.verdict import Verdict, judge
from compare.policy.policy import Policy, policy_hash
from compare.stages.tally import Summary
from compare.stored import Stored, digest
from shadow.runs.manifest import Manifest

SCHEMA = "mixmigrate-report/1"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run amounts to, with everything that shows it."""

    run: str
    """The run directory's name."""
    manifest: Manifest
    summary: Summary
    verdict: Verdict
    policy: Policy
    policy_text: str


def report(run: str, manifest: Manifest, summary: Summary, policy: Policy, text: str) -> Report:
    """Return the report on a run."""
    verdict = judge(summary, manifest, policy)
    return Report(run, manifest, summary, verdict, policy, text)


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data; what ``report.json`` holds."""
    verdict, summary, manifest = report.verdict, report.summary, report.manifest
    return {
        "schema": SCHEMA,
        "verdict": {
            "outcome": verdict.outcome.value,
            "claim": verdict.claim,
            "reasons": list(verdict.reasons),
            "needs_more": verdict.needs,
            "exit_code": verdict.exit_code,
            "final": verdict.final,
            "notes": list(verdict.notes),
        },
        "gates": [{**asdict(gate), "estimate": gate.estimate} for gate in verdict.gates],
        "causes": [asdict(cause) for cause in summary.causes],
        "events": asdict(summary.events),
        "requests": asdict(summary.units),
        "differences": summary.kinds,
        "ledger": ledger(manifest.ledger, summary),
        "latency": {**latency(summary.windows), "shadow_tax": shadow_tax(manifest.tax)},
        "coverage": coverage(report),
        "noise": summary.noise,
        "noise_warnings": summary.noise_warnings,
        "accepted": acceptances(report),
        "notes": list(manifest.notes),
        "provenance": provenance(report),
    }


def coverage(report: Report) -> dict[str, Any]:
    """Return which traffic the run saw, and which it did not."""
    summary, manifest = report.summary, report.manifest
    return {
        "distinct_requests": summary.units.distinct,
        "endpoints": summary.endpoints,
        "uncovered_endpoints": uncovered(summary, report.policy),
        "uncovered_dialects": thin_dialects(summary, report.policy),
        "mirrored_share": mirrored_share(manifest.ledger),
        "seconds": summary.windows.duration,
        "tokens": len(summary.tokens),
        "dialects": summary.dialects,
        "unseen": summary.unseen,
        "unseen_bound": summary.unseen_bound,
        "busiest_tokens": dict(list(summary.tokens.items())[:10]),
    }


def provenance(report: Report) -> dict[str, Any]:
    """Return what was run, and by which policy it is judged."""
    manifest = report.manifest
    return {
        "run": report.run,
        "legacy": manifest.legacy,
        "candidate": manifest.candidate,
        "recorded": manifest.created,
        "taps": manifest.taps,
        "notes": list(manifest.notes),
        "policy": report.policy.name,
        "policy_hash": policy_hash(report.policy),
        "policy_text": report.policy_text,
        "relaxed": list(report.policy.relaxed),
        "evidence_sha256": digest(evidence(report)),
    }


def evidence(report: Report) -> Stored:
    """Return everything that the verdict was reached from; what ``evidence.json.zst`` holds."""
    return Stored(report.run, report.manifest, report.summary, report.policy_text)


def ledger(counted: Mapping[str, int], summary: Summary) -> dict[str, int]:
    """Return the proxy's counters with how the mirrored requests came out."""
    return {
        **counted,
        "agreed": summary.agreed,
        "differed": summary.differed,
        "failed": summary.failed,
    }


def acceptances(report: Report) -> list[dict[str, Any]]:
    """Return every acceptance of the policy with how it fared; see ``acceptance.State``."""
    return [
        {
            "key": one.acceptance.key,
            "state": one.state.value,
            "requests": one.requests,
            "limit": one.limit,
            "where": entry.where,
            "reason": one.acceptance.reason,
            "by": one.acceptance.by,
            "until": one.acceptance.until.isoformat(),
        }
        for one, entry in zip(report.verdict.acceptances, report.policy.accept, strict=True)
    ]


def latency(windows: Windows) -> dict[str, Any]:
    """Return both sides' durations: milliseconds at each quantile, and the windows."""
    pool = windows.pooled()
    return {
        "unit": "ms",
        "window_seconds": windows.seconds,
        "windows": len(windows.whole()),
        "legacy": _quantiles(pool.legacy),
        "candidate": _quantiles(pool.candidate),
        "legacy_unanswered": pool.legacy_unanswered,
        "candidate_unanswered": pool.unanswered,
    }


def _quantiles(histogram: Histogram) -> dict[str, Any]:
    named = {f"p{share * 100:g}": _ms(histogram.quantile(share)) for share in QUANTILES}
    hdr = histogram.encoded() if histogram.total else ""
    return {"count": histogram.total, **named, "max": _ms(histogram.most), "hdr_us": hdr}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
