"""What ``report.json`` holds, as types; ``report.schema.json`` is made from them.

``python -m compare.render.schema`` writes that file anew. A field that is added to the report must
be added here, and one that goes, or changes its meaning, is a new version of the schema.
"""

import json
from pathlib import Path
from typing import Any, Literal, TypedDict

from compare.judging.verdict import GateResult, Outcome
from compare.render.json_schema import json_schema
from compare.stages.tally import Cause, EventCounts, UnitCounts

PATH = Path(__file__).parent / "report.schema.json"
"""The JSON Schema (draft 2020-12), part of the package."""


class VerdictData(TypedDict):
    """The verdict."""

    outcome: Outcome
    claim: str
    """The verdict as a sentence."""
    reasons: list[str]
    """Why it is not PASS; empty for one."""
    needs_more: int | None
    """Distinct requests that an UNDECIDED run still needs if all are clean."""
    exit_code: int
    """What `mixmigrate compare` ended with."""
    final: bool
    """Whether an UNDECIDED run has had all the requests that the policy allows it."""
    notes: list[str]
    """What a reader should know whatever the verdict is."""


SideData = TypedDict(
    "SideData",
    {
        "count": int,
        "p50": float,
        "p90": float,
        "p99": float,
        "p99.9": float,
        "max": float,
        "hdr_us": str,
    },
)
SideData.__doc__ = (
    "Durations of one side in milliseconds; hdr_us is an HdrHistogram in microseconds: V2, "
    "compressed, base64; empty when there is none."
)


class TaxQuantileData(TypedDict):
    """What mirroring cost at one quantile of legacy's time, in milliseconds."""

    name: str
    """`p50` and the like."""
    with_copy: float
    without: float
    difference: float
    low: float
    """It is at least this, with 95 % confidence."""
    high: float
    """It is at most this."""


class ShadowTaxData(TypedDict):
    """What mirroring cost the clients, by the control arm."""

    by: Literal["request", "slice"]
    """What was drawn for the control arm."""
    control: int
    """Answers of legacy's without a copy to the candidate."""
    mirrored: int
    quantiles: list[TaxQuantileData]
    """Those of which enough is known."""


class LatencyData(TypedDict):
    """How long both sides took."""

    unit: Literal["ms"]
    window_seconds: float
    windows: int
    """Whole windows: all but the first and the last."""
    legacy: SideData
    candidate: SideData
    legacy_unanswered: int
    candidate_unanswered: int
    shadow_tax: ShadowTaxData | None
    """Null for a run without a control arm."""


class CoverageData(TypedDict):
    """Which traffic the run saw."""

    distinct_requests: int
    endpoints: dict[str, int]
    """Exchanges by endpoint."""
    uncovered_endpoints: list[str]
    """Those with fewer requests than the policy asks for."""
    uncovered_dialects: list[str]
    """Kinds of client with fewer, such as `charset non-ASCII`."""
    mirrored_share: float
    """Of the requests meant for the candidate, the share that reached it."""
    seconds: float
    """From the first request to the last."""
    tokens: int
    """Project tokens seen, of the busiest hundred."""
    dialects: dict[str, dict[str, int]]
    """Mirrored requests by what tells sorts of them apart: client library, charset, and so on."""
    unseen: float
    """Estimated share of further traffic that is of a sort not seen (Good and Turing)."""
    unseen_bound: float
    """Its upper bound, with 95 % confidence."""
    busiest_tokens: dict[str, int]
    """Exchanges of the ten busiest."""


class AcceptanceData(TypedDict):
    """How an accepted difference of the policy fared."""

    key: str
    """Its signature, or `where:` and a hash of its expression."""
    state: Literal["used", "stale", "over-broad", "expired"]
    requests: int
    """Distinct requests in which it applied."""
    limit: int
    """How many it may cover."""
    where: str
    """Its expression; empty for a signature."""
    reason: str
    by: str
    until: str
    """The last day on which it holds."""


class ProvenanceData(TypedDict):
    """What was run, and by what it was judged."""

    run: str
    """The run directory's name."""
    legacy: dict[str, str]
    """`url`, `queue` and `build` of this side."""
    candidate: dict[str, str]
    recorded: float
    """Epoch seconds."""
    taps: dict[str, dict[str, Any]]
    """How each side's tap fared."""
    notes: list[str]
    policy: str
    policy_hash: str
    """Of what the policy asks for; comments and order do not change it."""
    policy_text: str
    relaxed: list[str]
    """Where the policy asks for less than the default."""
    evidence_sha256: str
    """Of the JSON text in evidence.json.zst."""


class ReportData(TypedDict):
    """The report of `mixmigrate compare`: the source of every other rendering."""

    schema: Literal["mixmigrate-report/1"]
    verdict: VerdictData
    gates: list[GateResult]
    causes: list[Cause]
    """Largest marginal share first."""
    events: EventCounts
    requests: UnitCounts
    differences: dict[str, int]
    """Differences by kind, in events."""
    ledger: dict[str, int]
    """What became of every request: the proxy's counters and how the mirrored ones came out."""
    latency: LatencyData
    coverage: CoverageData
    noise: dict[str, int]
    """How often each noise rule applied, and how often what it speaks of violated it."""
    noise_warnings: list[str]
    """Noise rules that matched nothing, or more than when they were calibrated."""
    accepted: list[AcceptanceData]
    notes: list[str]
    """What a reader must know of the run."""
    provenance: ProvenanceData


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``report.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:mixmigrate:report:1",
        "title": "mixmigrate report",
        **json_schema(ReportData, {GateResult: ("estimate",)}),
    }


def schema_text() -> str:
    """Return what ``report.schema.json`` holds."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
