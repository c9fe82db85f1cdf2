"""A verdict on a run that has not ended.

What a run has only at its end (a closed ledger, taps that were drained) is no fault before. What
is wrong already makes it INVALID now: waiting would not mend it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from compare.judging.verdict import Outcome, Verdict, judge
from compare.live.roster import Totals
from compare.policy.policy import Policy
from compare.stages.tally import Summary
from shadow.exchange import Side
from shadow.runs.manifest import Manifest
from shadow.status import QueueStatus

NOTHING_YET = "nothing could be compared yet"


def provisional(
    summary: Summary, manifest: Manifest, policy: Policy, totals: Totals, unexplained: int
) -> Verdict:
    """Return the verdict so far.

    :param totals: what the processes tell.
    :param unexplained: requests that stayed in no bucket.
    """
    if not summary.units.distinct or not (summary.events.legacy or summary.events.candidate):
        return _nothing_yet(summary, manifest, policy)
    so_far = msgspec.structs.replace(
        manifest,
        state="complete",
        ledger=_ledger(summary, totals, unexplained),
        taps={side.value: _tap(side, manifest.taps) for side in Side},
    )
    found = judge(replace(summary, pending=0), so_far, policy)
    return replace(found, notes=(*waiting(totals.queues), *found.notes))


def _nothing_yet(summary: Summary, manifest: Manifest, policy: Policy) -> Verdict:
    """Return UNDECIDED for the first moments, in which the evidence is not ripe."""
    least = policy.coverage.min_distinct_requests
    empty = judge(summary, manifest, policy)
    needs = [gate.needs for gate in empty.gates if gate.unit == "distinct requests"]
    return replace(
        empty,
        outcome=Outcome.UNDECIDED,
        claim="There is not enough evidence yet, for or against the candidate.",
        reasons=(NOTHING_YET,),
        needs=max([least, *(need for need in needs if need)]),
        exit_code=Outcome.UNDECIDED.exit_code,
        final=False,
    )


def _ledger(summary: Summary, totals: Totals, unexplained: int) -> dict[str, int]:
    """Return the ledger so far; what is under way is taken out, since it is no remainder."""
    told = totals.ledger
    if not told:
        units = summary.units
        return {"received": units.exchanges, "mirrored": units.mirrored}
    remainder, pending = told.get("remainder", 0), told.get("pending", 0)
    return {
        **told,
        "received": told.get("received", 0) - remainder + unexplained,
        "mirrored": told.get("mirrored", 0) - pending,
        "pending": 0,
        "remainder": unexplained,
    }


def _tap(side: Side, taps: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return how a tap fares: what it lost is lost; what it has not read yet is not."""
    return {**taps.get(side.value, {}), "attached": True, "backlog": 0, "error": ""}


def waiting(queues: Mapping[str, QueueStatus]) -> list[str]:
    """Return for what queue the evidence waits, since it cannot be read now."""
    return [
        f"{name} cannot be read now, so nothing new counts: {queue.error}"
        for name, queue in sorted(queues.items())
        if queue.error
    ]
