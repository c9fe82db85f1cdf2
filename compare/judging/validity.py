"""Whether a run can be trusted, and whether it saw enough: sentences for the verdict.

A run whose measurement is broken says nothing about the candidate; a run that saw too little
traffic says too little.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from compare.judging.trust import distrust
from compare.policy.policy import Policy
from compare.stages.tally import Summary
from shadow.exchange import Side
from shadow.runs.manifest import Manifest

_NOT_MEANT = ("not_sampled", "control", "switched_off", "filtered", "alone")


def flaws(summary: Summary, manifest: Manifest, policy: Policy | None = None) -> Iterator[str]:
    """Yield why the run cannot be trusted; nothing when it can.

    Without a *policy*, only what makes any run worthless.
    """
    yield from (f"the run is damaged: {damage}" for damage in summary.damage)
    if manifest.state != "complete":
        yield (
            f"the run is {manifest.state!r}: its writer did not come to an end; if it is at work, "
            "end it (SIGTERM), else record it again"
        )
    yield from _ledger_flaws(summary, manifest.ledger)
    for side in Side:
        yield from _tap_flaws(side, manifest.taps.get(side.value))
    yield from _emptiness(summary)
    if policy is not None:
        yield from distrust(summary, manifest, policy)


def shortcomings(summary: Summary, ledger: Mapping[str, int], policy: Policy) -> Iterator[str]:
    """Yield what the policy's coverage asks for and the run does not have."""
    asked, seen = policy.coverage, summary.units.distinct
    if seen < asked.min_distinct_requests:
        missing = asked.min_distinct_requests - seen
        yield f"coverage: {missing:,} more distinct requests are required, {seen:,} were seen"
    if summary.windows.duration < asked.min_seconds:
        yield (
            f"coverage: {summary.windows.duration:,.0f} s of traffic seen, "
            f"{asked.min_seconds:,.0f} s required"
        )
    if len(summary.tokens) < asked.tokens:
        yield f"coverage: {len(summary.tokens)} projects seen, {asked.tokens} required"
    busiest = max(summary.tokens.values(), default=0)
    if busiest > asked.top_token_share * summary.units.exchanges:
        share = busiest / summary.units.exchanges
        yield (
            f"coverage: one project has {share:.1%} of the requests, "
            f"{asked.top_token_share:.1%} allowed"
        )
    yield from _strangeness(summary, policy)
    reached = mirrored_share(ledger)
    if reached < asked.min_mirrored_share:
        yield (
            f"coverage: {reached:.2%} of the requests meant for the candidate reached it, "
            f"{asked.min_mirrored_share:.2%} required; what was held back was not compared"
        )


def uncovered(summary: Summary, policy: Policy) -> list[str]:
    """Return the endpoints of which too few requests were seen to say anything about them."""
    least = policy.coverage.per_endpoint
    return [name for name, count in sorted(summary.endpoints.items()) if count < least]


def thin_dialects(summary: Summary, policy: Policy) -> list[str]:
    """Return the kinds of client, such as ``charset non-ASCII``, of which too little was seen."""
    least = policy.coverage.per_dialect
    return [
        f"{name} {value}"
        for name, counts in sorted(summary.dialects.items())
        for value, count in sorted(counts.items())
        if count < least
    ]


def mirrored_share(ledger: Mapping[str, int]) -> float:
    """Return the share of the requests meant for the candidate that reached it; 1 of none."""
    meant = ledger.get("received", 0) - sum(ledger.get(name, 0) for name in _NOT_MEANT)
    return ledger.get("mirrored", 0) / meant if meant > 0 else 1.0


def is_unseen_told(summary: Summary) -> bool:
    """Say whether anybody estimated the share of traffic that was not seen."""
    return summary.unseen > 0 or summary.unseen_bound < 1


def discards(side: Side, taps: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield that a side's queue threw events away before its own consumers had them.

    The tap has read them, so that the comparison is sound. Of legacy's queue it means that the
    measured system lost data; a quarantined queue that nobody reads may well be bounded so.
    """
    count = taps.get(side.value, {}).get("discarded", 0)
    if count > 0:
        yield (
            f"{side}'s queue threw away {count:,} events that its own consumers never had; "
            "give it more room, or more consumers"
        )


def _strangeness(summary: Summary, policy: Policy) -> Iterator[str]:
    """Yield that too much of further traffic may be of a shape that the run has not seen."""
    most = policy.coverage.max_unseen
    if is_unseen_told(summary) and summary.unseen_bound > most:
        yield (
            f"coverage: up to {summary.unseen_bound:.2%} of further traffic may be of a shape "
            f"that was not seen, {most:.2%} allowed"
        )


def _ledger_flaws(summary: Summary, ledger: Mapping[str, int]) -> Iterator[str]:
    if not ledger:
        yield "the run has no ledger: what became of its requests is not known"
    if ledger.get("remainder"):
        yield f"the ledger does not close: {ledger['remainder']:,} requests are in no bucket"
    if ledger.get("lost"):
        yield (
            f"{ledger['lost']:,} requests were received and are not recorded: "
            "the process that had them was killed"
        )
    pending = max(summary.pending, ledger.get("pending", 0))
    if pending:
        yield f"{pending:,} mirrored requests have no recorded outcome"


def _tap_flaws(side: Side, tap: Mapping[str, Any] | None) -> Iterator[str]:
    if not tap:
        yield f"the run does not say how {side}'s tap fared"
        return
    if not tap.get("attached"):
        yield f"{side}'s tap was never attached: its queue was not seen"
    if tap.get("error"):
        yield f"{side}'s tap failed: {tap['error']}"
    if tap.get("lost", 0) > 0:
        yield (
            f"{side}'s queue lost {tap['lost']:,} events before the tap could read them: give it "
            "more room, or the tap more time"
        )
    for what in tap.get("missed", ()):
        yield f"{side}'s tap missed events: {what}"
    backlog = tap.get("backlog", -1)
    if backlog > 0:
        yield f"{side}'s tap left {backlog:,} events unread; give it longer to drain"
    elif backlog < 0:
        yield f"{side}'s queue could not be asked at the end how much was left unread"


def _emptiness(summary: Summary) -> Iterator[str]:
    events = summary.events
    if not summary.units.mirrored or not summary.units.distinct:
        yield "nothing was compared: the run holds no mirrored request"
    elif not events.legacy and events.candidate:
        yield "legacy's queue gave no event at all, the candidate's did: look at legacy's tap"
    elif not events.legacy and not events.candidate:
        yield "neither queue gave an event: nothing was compared"
