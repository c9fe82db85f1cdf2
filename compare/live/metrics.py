"""``/metrics``: where a run stands, as OpenMetrics text (openmetrics.io, version 1.0.0)."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from compare.judging.verdict import Outcome
from compare.live.buckets import Buckets, middle, total, upper_edge
from compare.live.history import fill
from compare.live.roster import Life
from compare.live.safety import Level
from compare.live.view import View
from compare.render.openmetrics import Sample, family, number
from shadow.status import BUCKETS_PER_OCTAVE, QueueStatus

CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
PREFIX = "mixmigrate_live_"
OCTAVES = range(6, 26)
"""Bounds of the histograms: powers of two of a microsecond, 64 us to 34 s, which buckets meet."""
_STATES = ("closed", "half-open", "open")
_NO_COUNTERS = ("pending", "remainder")


def render_metrics(view: View) -> bytes:
    """Return the text of one scrape."""
    lines: list[str] = []
    for part in (_about, _verdict, _ledger, _sides, _lane, _queues, _processes):
        for one in part(view):
            lines += one
    return ("\n".join([*lines, "# EOF"]) + "\n").encode("utf-8", "backslashreplace")


def _gauge(name: str, told: str, samples: Iterable[Sample]) -> list[str]:
    return family(PREFIX + name, "gauge", told, samples)


def _counter(name: str, told: str, samples: Iterable[Sample]) -> list[str]:
    counts = (Sample(one.labels, max(0, one.value), "_total") for one in samples)
    return family(PREFIX + name, "counter", told, counts)


def _stateset(name: str, told: str, states: Iterable[str], now: str) -> list[str]:
    """Return a state set: a sample for each state, labelled with the family's own name."""
    full = PREFIX + name
    return family(full, "stateset", told, (Sample({full: one}, int(one == now)) for one in states))


def _about(view: View) -> Iterator[list[str]]:
    judged = view.judged
    labels = {
        "run": view.run,
        "policy": judged.policy,
        "policy_hash": judged.policy_hash,
        "legacy": judged.legacy.get("build", ""),
        "candidate": judged.build,
        "stage": " / ".join(view.totals.stages),
    }
    told = "What runs, by which policy it is judged, and the stage of the cutover."
    # An info sample is the family's name and "_info".
    yield family(PREFIX + "run", "info", told, [Sample(labels, 1, "_info")])
    phases = ("waiting", "running", "ended", "abandoned", "broken")
    yield _stateset("phase", "Where the run is.", phases, view.phase)


def _verdict(view: View) -> Iterator[list[str]]:
    judged = view.judged
    outcomes: tuple[StrEnum, ...] = tuple(Outcome)
    told = "The verdict so far."
    yield _stateset("verdict", told, map(str, outcomes), judged.outcome)
    if judged.at:
        told = "When the evidence was last looked at, in epoch seconds."
        yield _gauge("looked_at_seconds", told, [Sample({}, judged.at)])
    told = "1 when the verdict is of a time long gone, or nobody looks any more."
    yield _gauge("verdict_stale", told, [Sample({}, int(view.is_stale or bool(view.trouble)))])
    if judged.needs is not None:
        told = "Distinct requests still needed if all are clean."
        yield _gauge("needed_requests", told, [Sample({}, judged.needs)])
    told = "Distinct requests compared."
    yield _gauge("distinct_requests", told, [Sample({}, judged.requests.get("distinct", 0))])
    told = "Units that speak against a gate."
    against = (Sample({"gate": one["name"]}, one["mismatches"]) for one in judged.gates)
    yield _gauge("gate_mismatches", told, against)
    told = "1 for what a gate found."
    found = (Sample({"gate": one["name"], "finding": one["finding"]}, 1) for one in judged.gates)
    yield _gauge("gate_finding", told, found)
    yield _stateset("clients", "How the clients fare.", map(str, Level), view.safety.level.value)


def _ledger(view: View) -> Iterator[list[str]]:
    totals = view.totals
    counts = totals.ledger or view.judged.ledger
    told = "Requests of the whole run, by what became of them; put right when a process is killed."
    each = (Sample({"bucket": name}, count) for name, count in counts.items())
    yield _gauge("ledger_requests", told, each)
    made = (
        Sample({"bucket": name}, count)
        for name, count in (totals.most or counts).items()
        if name not in _NO_COUNTERS
    )
    yield _counter("requests", "Requests, by what was told to have become of them.", made)
    told = "Requests that have no bucket yet, since a service or the lane has them."
    yield _gauge("under_way_requests", told, [Sample({}, totals.under_way)])
    told = "Requests that stay in no bucket; anything but 0 makes the run invalid."
    yield _gauge("unexplained_requests", told, [Sample({}, view.history.unexplained)])
    mirroring = [Sample({}, int(totals.mirroring))]
    yield _gauge("mirroring", "1 while requests are mirrored.", mirroring)


def _sides(view: View) -> Iterator[list[str]]:
    sides = view.totals.sides
    outcomes = (
        Sample({"side": name, "outcome": outcome}, count)
        for name, side in sides.items()
        for outcome, count in (
            ("good", side.answered - side.errors),
            ("error", side.errors),
            ("failed", side.failed),
        )
    )
    told = "Requests, by how a side took them; an error is a status of 500 and above."
    yield _counter("answers", told, outcomes)
    flying = (Sample({"side": name}, side.in_flight) for name, side in sides.items())
    yield _gauge("in_flight", "Requests that a side has and has not answered.", flying)
    made = (one for name, side in sides.items() for one in spread("side", name, side.latency))
    told = "Time to answer; the sum is exact to 5 %."
    yield family(f"{PREFIX}latency_seconds", "histogram", told, made)
    arms = {"mirrored": view.totals.arm.mirrored, "control": view.totals.arm.control}
    made = (one for name, arm in arms.items() if arm for one in spread("arm", name, arm))
    told = "Legacy's time to answer with a copy to the candidate, and without."
    yield family(f"{PREFIX}arm_latency_seconds", "histogram", told, made)


def spread(label: str, name: str, buckets: Buckets) -> Iterator[Sample]:
    """Yield the cumulative buckets of a histogram, their count and their sum."""
    for octave in OCTAVES:
        within = sum(n for key, n in buckets.items() if key < octave * BUCKETS_PER_OCTAVE)
        bound = upper_edge(octave * BUCKETS_PER_OCTAVE - 1)
        yield Sample({label: name, "le": number(bound)}, within, "_bucket")
    yield Sample({label: name, "le": "+Inf"}, total(buckets), "_bucket")
    yield Sample({label: name}, total(buckets), "_count")
    summed = sum(middle(key) * count for key, count in buckets.items())
    yield Sample({label: name}, round(summed, 6), "_sum")


def _lane(view: View) -> Iterator[list[str]]:
    lane, breaker = view.totals.lane, view.totals.breaker
    yield _gauge("lane_requests", "Requests in the lane.", [Sample({}, lane.requests)])
    yield _gauge("lane_bytes", "Bytes in the lane.", [Sample({}, lane.bytes)])
    full = fill(view.totals)
    if full is not None:
        told = "How full the lane is, by requests or bytes; 1 is full."
        yield _gauge("lane_fill_ratio", told, [Sample({}, full)])
    yield _stateset("breaker", "The circuit breaker.", _STATES, breaker.state)
    told = "How often the circuit opened."
    yield _counter("breaker_openings", told, [Sample({}, breaker.openings)])


def _queues(view: View) -> Iterator[list[str]]:
    def each(value: Callable[[QueueStatus], float]) -> Iterator[Sample]:
        for key, queue in view.totals.queues.items():
            side, _, name = key.partition(" ")
            found = value(queue)
            if found >= 0:
                yield Sample({"side": side, "queue": name}, found)

    def behind(queue: QueueStatus) -> float:
        return max(0.0, view.at - queue.watermark) if queue.watermark else -1.0

    yield _counter("tap_read", "Events that the tap has read.", each(lambda one: one.read))
    yield _gauge("tap_lag", "Events that wait for the tap.", each(lambda one: one.lag))
    told = "Age of the moment up to which the tap has read everything."
    yield _gauge("tap_behind_seconds", told, each(behind))
    told = "Messages that wait for the queue's own consumers."
    yield _gauge("queue_depth", told, each(lambda one: one.depth))
    told = "Age of the oldest of them."
    yield _gauge("queue_age_seconds", told, each(lambda one: one.age))
    told = "Messages that the queue threw away."
    yield _gauge("queue_discarded", told, each(lambda one: one.discarded))


def _processes(view: View) -> Iterator[list[str]]:
    members = view.members
    up = (
        Sample({"process": one.status.name}, int(one.life is Life.ALIVE))
        for one in members
        if one.life is not Life.ENDED
    )
    yield _gauge("process_up", "1 while a process tells of itself.", up)
    again = (Sample({"process": one.status.name}, one.restarts) for one in members)
    yield _counter("process_restarts", "How often a process was seen to begin again.", again)
    stalls = (Sample({"process": one.status.name}, one.status.stall) for one in members)
    told = "Longest time of the last second in which a process looked at nothing."
    yield _gauge("process_stall_seconds", told, stalls)
    memory = (Sample({"process": one.status.name}, one.status.memory) for one in members)
    yield _gauge("process_memory_bytes", "Resident memory.", memory)
    skipped = [Sample({}, len(view.unreadable))]
    yield _gauge("unreadable_files", "Status files that were skipped.", skipped)
