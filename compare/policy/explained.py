"""What a policy takes to PASS, in plain words and figures."""

import datetime
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from compare.judging.evidence import boundary
from compare.judging.gates import Risks, allowed, even_windows_needed, percent
from compare.judging.latency import BEYOND
from compare.policy.acceptance import acceptances
from compare.policy.policy import Gate, Policy, RateGate, policy_hash
from compare.policy.relaxed import relaxations

WIDTH = 96


@dataclass(frozen=True, slots=True)
class Plan:
    """The run that somebody has in mind."""

    per_second: float
    """Distinct requests a second."""
    requests: int | None = None
    """Distinct requests in all; ``None``: as many as a clean PASS takes."""


def explained(policy: Policy, default: Policy, plan: Plan, today: datetime.date) -> str:
    """Return the explanation, in lines of at most 96 characters."""
    requests = plan.requests or policy.clean_requests
    parts = [
        (f"Policy {policy.name}, hash {policy_hash(policy)}", _confidence(policy.gate)),
        ("A PASS takes all of this", _required(policy, plan)),
        (f"Of {requests:,} distinct requests it tolerates", _budgets(policy, requests)),
        ("It fails, whatever the rates are, by", _at_once(policy)),
        ("It is INVALID, and says nothing of the candidate, with", _invalid(policy)),
        ("Not counted as a difference", _tolerated(policy)),
        ("Accepted by reviewers", _accepted(policy, today)),
        ("It asks for less than the default", _relaxed(policy, default)),
    ]
    return "\n\n".join(_section(title, list(lines)) for title, lines in parts) + "\n"


def budget(n: int, limit: float, alpha: float) -> int | None:
    """Return how many mismatches among *n* units still pass: the largest S with x*(S) <= n·limit.

    ``None``: not even a clean run of *n* passes.
    """
    if boundary(0, alpha) > n * limit:
        return None
    low, high = 0, 1
    while boundary(high, alpha) <= n * limit:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if boundary(middle, alpha) <= n * limit else (low, middle)
    return low


def _clean(rate: RateGate, gate: Gate) -> int:
    """Return the units that a clean PASS of *rate* takes; events of a cluster count apart."""
    units = math.ceil(boundary(0, gate.attempt_alpha) / rate.allowed)
    return units * (rate.cluster or 1) if rate.counts == "events" else units


def familiar(unseen: float) -> int:
    """Return the requests after which the unseen share has the bound *unseen* at best.

    Solves ``(1 + √2) √(ln(2/0.05)/n)`` for n: the bound of the missing mass by McAllester and
    Schapire (COLT 2000) and Berend and Kontorovich (2013), when every shape came twice or more.
    """
    return math.ceil(((1 + math.sqrt(2)) / unseen) ** 2 * math.log(2 / 0.05))


def _confidence(gate: Gate) -> Iterator[str]:
    alpha = gate.attempt_alpha
    yield f"a false PASS has a chance of {percent(alpha)}, however often one looks"
    yield f"a false FAIL has a chance of {percent(gate.beta)}, shared out among the gates"
    if gate.attempts == "spend":
        yield f"attempt {gate.attempt}; all attempts share {percent(gate.alpha)}"
    else:
        yield "each new build of the candidate starts from nothing, with the whole chance"
    code = {"exit-3": 3, "pass": 0, "fail": 1}[gate.on_undecided]
    yield f"UNDECIDED ends with exit code {code}"
    if gate.max_requests:
        yield f"UNDECIDED is final after {gate.max_requests:,} distinct requests"


def _required(policy: Policy, plan: Plan) -> Iterator[str]:
    yield from (_rate(rate, policy.gate, plan) for rate in policy.gate.rate)
    yield from _windows(policy)
    yield from _coverage(policy)
    requests = policy.clean_requests
    seconds = [requests / plan.per_second, policy.coverage.min_seconds, _window_seconds(policy)]
    yield f"so at {plan.per_second:,g} distinct requests a second: {duration(max(seconds))}"


def _rate(rate: RateGate, gate: Gate, plan: Plan) -> str:
    clean = _clean(rate, gate)
    unit = {"events": "events", "tokens": "projects"}.get(rate.counts, "distinct requests")
    holding = f" of requests that hold {rate.stratum}" if rate.stratum else ""
    took = f" ({duration(clean / plan.per_second)})" if unit == "distinct requests" else ""
    advice = "; only shown, decides nothing" if rate.mode == "advise" else ""
    return (
        f"{rate.name}: {percent(rate.target)} agree, shown by {clean:,} clean {unit}{holding}"
        f"{took}{advice}"
    )


def _windows(policy: Policy) -> Iterator[str]:
    gate, length = policy.gate, policy.gate.latency.window_seconds
    for slo in gate.slo:
        clean = math.ceil(boundary(0, gate.attempt_alpha) / allowed(slo.good_windows))
        yield (
            f"{slo.name}: {clean} good windows of {length:g} s ({duration((clean + 2) * length)}), "
            f"in each {percent(slo.share)} of the answers within {slo.limit_ms:g} ms"
            + _advised(slo.mode)
        )
    for relative in gate.relative:
        even = _even(relative.net_worse, gate)
        names = ", ".join(f"p{share * 100:g}" for share in relative.quantiles)
        finest = math.ceil(BEYOND / (1 - max(relative.quantiles)) - 1e-9)
        yield (
            f"{relative.name}: {even or 'thousands of'} windows in which {names} are not above "
            f"{relative.ratio:g} times legacy's and {relative.slack_ms:g} ms more; a window needs "
            f"{finest:,} requests for the finest ({finest / length:,.0f} a second)"
            + _advised(relative.mode)
        )


def _advised(mode: str) -> str:
    return "; only shown, decides nothing" if mode == "advise" else ""


def _even(net_worse: float, gate: Gate) -> int | None:
    return even_windows_needed([], net_worse, Risks(gate.attempt_alpha, gate.beta))


def _window_seconds(policy: Policy) -> float:
    """Return how long a clean PASS of the latency gates takes; two windows are cut off."""
    gate, counts = policy.gate, [0]
    for slo in gate.slo:
        if slo.mode == "gate":
            counts.append(math.ceil(boundary(0, gate.attempt_alpha) / allowed(slo.good_windows)))
    counts += [_even(one.net_worse, gate) or 0 for one in gate.relative if one.mode == "gate"]
    return (max(counts) + 2) * gate.latency.window_seconds if max(counts) else 0.0


def _coverage(policy: Policy) -> Iterator[str]:
    asked = policy.coverage
    yield f"coverage: at least {asked.min_distinct_requests:,} distinct requests"
    if asked.min_seconds:
        yield f"coverage: at least {duration(asked.min_seconds)} of traffic"
    if asked.tokens:
        yield f"coverage: {asked.tokens} projects at least"
    if asked.top_token_share < 1:
        share = percent(asked.top_token_share)
        yield f"coverage: no project with more than {share} of the requests"
    if asked.min_mirrored_share:
        share = percent(asked.min_mirrored_share)
        yield f"coverage: {share} of the requests meant for the candidate must reach it"
    if asked.max_unseen < 1:
        yield (
            f"coverage: at most {percent(asked.max_unseen)} of further traffic may be of a shape "
            f"not seen, shown by {familiar(asked.max_unseen):,} requests if no shape came only once"
        )
    if asked.per_endpoint or asked.per_dialect:
        yield (
            f"listed as not covered, no more: endpoints under {asked.per_endpoint} requests, "
            f"kinds of client under {asked.per_dialect}"
        )


def _budgets(policy: Policy, requests: int) -> Iterator[str]:
    for rate in policy.gate.rate:
        if rate.mode == "gate" and rate.is_of_requests:
            most = budget(requests, rate.allowed, policy.gate.attempt_alpha)
            told = "too few for a PASS" if most is None else f"{most:,} mismatches"
            yield f"{rate.name}: {told}"


def _at_once(policy: Policy) -> Iterator[str]:
    for veto in policy.veto:
        kinds = ", ".join(sorted(veto.vetoed))
        who = "request" if veto.min_count == 1 else "requests"
        yield f"{veto.min_count} {who} with a difference that nobody accepted, of kind {kinds}"
    if policy.accepting.stale == "fail":
        yield "an acceptance that nothing matched"
    if policy.accepting.over_broad == "fail":
        yield "an acceptance that covers more than it may"


def _invalid(policy: Policy) -> Iterator[str]:
    asked = policy.validity
    yield "a damaged or unfinished run, a ledger that does not close, a tap that failed"
    late = f"{asked.late_after_seconds:g} s late"
    yield f"more than {percent(asked.max_late_share)} of the events more than {late}"
    yield f"a load more than {asked.max_lag_ms:g} ms behind its plan at its 99th percentile"
    yield f"more than {percent(asked.max_dropped_share)} of the planned requests not sent"
    yield f"more than {percent(asked.max_legacy_error_share)} of the requests failed by legacy"
    if asked.require_calibration:
        yield "no comparison of legacy with itself"


def _tolerated(policy: Policy) -> Iterator[str]:
    seconds = policy.noise.server_time_seconds
    yield f"times that both services set themselves, up to {seconds:g} s apart"
    headers = ", ".join(policy.compare.headers) or "none"
    yield f"headers of answers other than: {headers}"


def _accepted(policy: Policy, today: datetime.date) -> Iterator[str]:
    for entry, one in zip(policy.accept, acceptances(policy), strict=True):
        most = f"{one.at_most:,} requests" if isinstance(one.at_most, int) else percent(one.at_most)
        what = entry.where or entry.signature
        over = "" if one.is_current(today) else " (EXPIRED)"
        yield f"{what}: {one.reason} ({one.by}), until {one.until}{over}, at most {most}"


def _relaxed(policy: Policy, default: Policy) -> Iterator[str]:
    yield from relaxations(policy, default)
    yield from (f"in its own words: {said}" for said in policy.relaxed)


def _section(title: str, lines: list[str]) -> str:
    told = [
        textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ")
        for line in lines or ["nothing"]
    ]
    return "\n".join([title, *told])


def duration(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 120:
        return f"{math.ceil(seconds)} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
