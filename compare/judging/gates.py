"""The gates of a policy, each with what a run shows about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from compare.judging.evidence import Evidence, Finding, weigh, weigh_net
from compare.judging.latency import BEYOND, slow_windows, usable_quantiles, worse_windows
from compare.policy.policy import Gate, Policy, RateGate, RelativeGate, SloGate
from compare.stages.tally import EventCounts, Summary

CLOSED = "closed loop: the number of workers sets the latency, so this only advises"


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate, and what the run shows about it."""

    name: str
    claim: str
    unit: str
    """``distinct requests``, ``projects``, ``events`` or ``windows``."""
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
class Risks:
    """What a verdict may cost."""

    alpha: float
    """Chance of a false PASS in this attempt."""
    beta: float
    """Chance of a false FAIL of a single gate."""


def judged(summary: Summary, policy: Policy, *, closed: bool = False) -> Iterator[GateResult]:
    """Yield every gate of *policy* with what *summary* shows about it.

    :param closed: whether a closed loop made the load; latency then decides nothing.
    """
    gate = policy.gate
    risks = Risks(gate.attempt_alpha, gate.beta / max(1, _gating(gate, closed)))
    for rate in gate.rate:
        yield _rate(rate, summary, risks)
    latency = [_slo(slo, summary, risks) for slo in gate.slo]
    for relative in gate.relative:
        latency += _relative(relative, summary, risks)
    yield from (_advising(one) if closed else one for one in latency)


def _gating(gate: Gate, closed: bool) -> int:
    """Return how many gates share beta: only what can fail the run."""
    gating = sum(one.mode == "gate" for one in gate.rate)
    if closed:
        return gating
    gating += sum(one.mode == "gate" for one in gate.slo)
    return gating + sum(len(one.quantiles) for one in gate.relative if one.mode == "gate")


def _advising(gate: GateResult) -> GateResult:
    note = "; ".join(part for part in (gate.note, CLOSED) if part)
    return replace(gate, advisory=True, note=note)


def _rate(gate: RateGate, summary: Summary, risks: Risks) -> GateResult:
    if gate.counts == "events":
        return _events(gate, summary, risks)
    n, mismatches, unit, what = _counted(gate, summary)
    evidence = weigh(n, mismatches, gate.allowed, risks.alpha, risks.beta)
    claim = f"at least {percent(gate.target)} of {what}"
    return _weighed(gate.name, claim, unit, evidence, gate.mode == "advise")


def _counted(gate: RateGate, summary: Summary) -> tuple[int, int, str, str]:
    """Return units, mismatches, the unit's name and what is claimed of it."""
    units = summary.units
    if gate.counts == "tokens":
        return units.tokens_seen, units.tokens_mismatching, "projects", "projects see no difference"
    mismatches, what = {
        "queue": (units.queue_mismatches, "requests put the same on the queues"),
        "response": (units.response_mismatches, "requests are answered the same"),
        "candidate-errors": (units.candidate_errors, "requests get an answer that is no error"),
    }[gate.counts]
    return units.distinct, mismatches, "distinct requests", what


def _events(gate: RateGate, summary: Summary, risks: Risks) -> GateResult:
    """Judge events, each counting as 1/cluster of a unit: X = (bad events)/m is in [0, 1]."""
    cluster, who = gate.cluster, "events"
    n, bad = _differing(summary.events)
    if gate.stratum:
        who = f"events of requests that hold {gate.stratum}"
        n, bad = summary.strata.get(gate.stratum, (0, 0))
    size, wrong = (n // cluster, bad / cluster) if cluster else (n, bad)
    evidence = weigh(size, wrong, gate.allowed, risks.alpha, risks.beta)
    note = f"each event counts as 1/{cluster}"
    if not cluster:
        note = "as if events were independent, which those of one request are not"
    claim = f"at least {percent(gate.target)} of {who} are the same"
    return _weighed(gate.name, claim, "events", evidence, gate.mode == "advise", note)


def _differing(events: EventCounts) -> tuple[int, int]:
    """Return how many events there are (pairs count once), and how many differ."""
    bad = events.changed + events.misrouted + events.missing + events.extra - events.excused
    bad += events.duplicate + events.duplicate_lost
    return events.identical + events.equal + events.tolerated + bad, bad


def _slo(gate: SloGate, summary: Summary, risks: Risks) -> GateResult:
    bad = list(slow_windows(summary.windows.whole(), gate.limit_ms / 1000, gate.share))
    evidence = weigh(len(bad), sum(bad), allowed(gate.good_windows), risks.alpha, risks.beta)
    claim = (
        f"in at least {percent(gate.good_windows)} of windows of {summary.windows.seconds:g} s, "
        f"{percent(gate.share)} of requests take at most {gate.limit_ms:g} ms"
    )
    return _weighed(gate.name, claim, "windows", evidence, gate.mode == "advise")


def _relative(gate: RelativeGate, summary: Summary, risks: Risks) -> Iterator[GateResult]:
    windows = summary.windows.whole()
    usable = usable_quantiles(windows, gate.quantiles)
    dropped = ", ".join(f"p{share * 100:g}" for share in gate.quantiles if share not in usable)
    thin = f"left out: {dropped}; under {BEYOND} requests beyond it a window" if dropped else ""
    for share in usable:
        signs = list(worse_windows(windows, share, gate.ratio, gate.slack_ms / 1000))
        yield _quantile(gate, share, signs, thin, risks)
    if not usable:
        # Nothing can be judged: the gate stays open, and says why.
        yield _quantile(gate, gate.quantiles[0], [], thin, risks)


def _quantile(
    gate: RelativeGate, share: float, signs: list[int], thin: str, risks: Risks
) -> GateResult:
    finding, for_pass, for_fail = weigh_net(signs, gate.net_worse, risks.alpha, risks.beta)
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
        needs=even_windows_needed(signs, gate.net_worse, risks),
        needs_at_rate=None,
        note="; ".join([*notes, thin] if thin else notes),
    )


def even_windows_needed(signs: list[int], limit: float, risks: Risks) -> int | None:
    """Return how many further windows without a difference a PASS takes; ``None``: thousands."""

    def passes(more: int) -> bool:
        return weigh_net(signs + [0] * more, limit, risks.alpha, risks.beta)[0] is Finding.PASS

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


def allowed(target: float) -> float:
    """Return the rate of mismatches that a *target* leaves."""
    # 1 - 0.9999 is a little more than 0.0001; the gate must not be laxer than it says.
    return round(1 - target, 12)
