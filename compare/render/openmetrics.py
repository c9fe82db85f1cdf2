"""A report as OpenMetrics text, for a Prometheus server or its node exporter's textfile collector.

Only counters, gauges and histograms, and no timestamps: the collector takes no others.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from hdrh.histogram import HdrHistogram

from compare.judging.latency import Histogram
from compare.judging.verdict import GateResult, Outcome
from compare.render.visible import encodable
from compare.report import Report, ledger
from shadow.exchange import Side

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency histograms' buckets, in seconds."""
CAUSES = 20
_UNITS = {"distinct requests": "request", "events": "event", "windows": "window"}

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a family."""

    labels: Labels
    value: float
    suffix: str = ""


def render_openmetrics(report: Report) -> str:
    """Return ``report.prom``: verdict, gates, events, requests, differences and latencies."""
    lines: list[str] = []
    for part in (_verdict(report), _gates(report.verdict.gates), _counts(report), _latency(report)):
        for one in part:
            lines += one
    return "\n".join([*lines, "# EOF"]) + "\n"


def family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> list[str]:
    """Return the lines of one metric family; none when it has no sample.

    Of samples with the same labels the first is kept: readers refuse a file for a second.
    """
    lines: dict[str, str] = {}
    for one in samples:
        labels = ",".join(f'{key}="{escaped(value)}"' for key, value in one.labels.items())
        lines.setdefault(
            f"{name}{one.suffix}" + (f"{{{labels}}}" if labels else ""), number(one.value)
        )
    if not lines:
        return []
    head = [f"# TYPE {name} {kind}", f"# HELP {name} {escaped(told)}"]
    return [*head, *(f"{key} {value}" for key, value in lines.items())]


def escaped(text: str) -> str:
    """Return *text* as a label's value or a help text: backslash, quote and line end escaped."""
    known = str(encodable(text))
    return known.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """Return *value* as OpenMetrics writes it; infinities and what is no number have names."""
    if isinstance(value, int):
        return str(value)
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))


def _verdict(report: Report) -> Iterator[list[str]]:
    now, run = report.verdict.outcome, report.run
    each = (Sample({"verdict": one.value}, int(one is now)) for one in Outcome)
    yield family("mixmigrate_verdict", "gauge", "1 for the run's verdict, 0 for the others.", each)
    about = {"run": run, "policy": report.policy.name}
    about |= {side: _side(report, side).get("build", "") for side in map(str, Side)}
    told = "What was judged; always 1."
    yield family("mixmigrate_run_info", "gauge", told, [Sample(about, 1)])
    told = "When the run was recorded, in epoch seconds."
    yield family(
        "mixmigrate_run_created_seconds", "gauge", told, [Sample({}, report.manifest.created)]
    )


def _side(report: Report, side: str) -> Mapping[str, str]:
    return report.manifest.legacy if side == Side.LEGACY else report.manifest.candidate


def _gates(gates: tuple[GateResult, ...]) -> Iterator[list[str]]:
    def gauge(
        name: str, told: str, values: Iterable[tuple[GateResult, Labels, float | None]]
    ) -> list[str]:
        made = (
            Sample({"gate": gate.name, **labels}, value)
            for gate, labels, value in values
            if value is not None
        )
        return family(f"mixmigrate_{name}", "gauge", told, made)

    units = (
        Sample({"gate": gate.name, "unit": _UNITS.get(gate.unit, gate.unit)}, gate.n, "_total")
        for gate in gates
    )
    yield family("mixmigrate_units", "counter", "Units that a gate judged by.", units)
    # A net count of windows can be below zero, which a counter cannot.
    against = (Sample({"gate": one.name}, max(0, one.mismatches), "_total") for one in gates)
    yield family("mixmigrate_mismatches", "counter", "Units that speak against a gate.", against)
    yield gauge("rate_limit", "Largest rate that passes.", ((g, {}, g.target) for g in gates))
    yield gauge("rate_estimate", "Observed rate.", ((g, {}, g.estimate) for g in gates))
    told = "Upper bound of the rate, valid at any look."
    yield gauge("rate_upper_bound", told, ((g, {}, g.bound) for g in gates))
    told = "Natural logarithm of the e-value for a rate below (pass) or above (fail) the limit."
    sides = (
        (g, {"side": side}, value)
        for g in gates
        for side, value in (("pass", g.e_pass), ("fail", g.e_fail))
    )
    yield gauge("log_evalue", told, sides)
    told = "Further units for a PASS if all are clean."
    yield gauge("units_needed", told, ((g, {}, g.needs) for g in gates))
    told = "1 for what a gate found."
    yield gauge(
        "gate_finding",
        told,
        ((g, {"finding": g.finding.value, "mode": _mode(g)}, 1) for g in gates),
    )


def _mode(gate: GateResult) -> str:
    return "advise" if gate.advisory else "gate"


def _counts(report: Report) -> Iterator[list[str]]:
    summary = report.summary
    tables = (
        ("events", "outcome", "Events, by how they came out.", asdict(summary.events)),
        ("requests", "count", "Requests, by what was counted of them.", asdict(summary.units)),
        ("differences", "kind", "Differences in events, by kind.", summary.kinds),
    )
    for name, label, told, counts in tables:
        made = (Sample({label: key}, count, "_total") for key, count in counts.items())
        yield family(f"mixmigrate_{name}", "counter", told, made)
    # A remainder can be below zero, which a counter cannot.
    buckets = ledger(report.manifest.ledger, summary).items()
    told = "Requests, by what became of them."
    each = (Sample({"bucket": name}, count) for name, count in buckets)
    yield family("mixmigrate_ledger_requests", "gauge", told, each)
    told = f"Distinct requests that a cause touches; the first {CAUSES}."
    first = {one.signature: one for one in summary.causes[:CAUSES]}
    touched = (
        Sample(
            {"cause": one.signature, "kind": one.kind, "accepted": str(bool(one.accepted)).lower()},
            one.requests,
        )
        for one in first.values()
    )
    yield family("mixmigrate_cause_requests", "gauge", told, touched)


def _latency(report: Report) -> Iterator[list[str]]:
    pool = report.summary.windows.pooled()
    sides = ((Side.LEGACY, pool.legacy), (Side.CANDIDATE, pool.candidate))
    made = (one for side, histogram in sides for one in spread(side.value, histogram))
    yield family("mixmigrate_latency_seconds", "histogram", "Time to answer.", made)
    missing = (
        Sample({"side": Side.LEGACY.value}, pool.legacy_unanswered, "_total"),
        Sample({"side": Side.CANDIDATE.value}, pool.unanswered, "_total"),
    )
    yield family("mixmigrate_unanswered", "counter", "Requests without an answer.", missing)


def spread(side: str, histogram: Histogram) -> Iterator[Sample]:
    """Yield one side's cumulative buckets, their count, and their sum to within 0.1 %."""
    for bound in BOUNDS:
        within = histogram.total - histogram.slower_than(bound)
        yield Sample({"side": side, "le": number(bound)}, within, "_bucket")
    yield Sample({"side": side, "le": "+Inf"}, histogram.total, "_bucket")
    yield Sample({"side": side}, histogram.total, "_count")
    yield Sample({"side": side}, _sum(histogram), "_sum")


def _sum(histogram: Histogram) -> float:
    if not histogram.total:
        return 0.0
    mean: float = HdrHistogram.decode(histogram.encoded()).get_mean_value()
    return round(mean * histogram.total / 1e6, 6)
