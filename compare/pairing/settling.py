"""The events that found no partner in their own partition, looked at together.

A candidate that spells a person otherwise puts the event into another partition. What is handed
on is bounded (see ``matching``), so this needs no partitions of its own.
"""

from collections.abc import Sequence
from pathlib import Path

from compare.differing.difference import Kind
from compare.pairing.finding import Finding
from compare.pairing.linking import Visit
from compare.pairing.matching import FINDINGS, Findings, Left, Matched
from compare.pairing.pairing import Pairing
from compare.stages.rules import Rules
from compare.stages.shuffle import Outbox, Sink
from shadow.exchange import Side

AFTER_ALL = 9999
"""This task's number among those of the stage: after all partitions."""


def settle_left(left: Sequence[Left], rules: Rules, work: Path) -> Matched:
    """Return what the events without a partner amount to; leave the findings in *work*."""
    box: Outbox[Finding] = Outbox(work, FINDINGS, AFTER_ALL)
    found = settled(left, rules, box)
    box.close()
    return found


def settled(left: Sequence[Left], rules: Rules, box: Sink[Finding]) -> Matched:
    """Return what the events without a partner amount to; put the findings into *box*."""
    findings = Findings(rules, box)
    visits: dict[int, Visit | None] = {id(one.item): one.visit for one in left}
    pairing = Pairing(rules.tolerances.server_time_seconds)
    pairs = list(pairing.add(one.item for one in _in_order(left)))
    more, lone = pairing.finish()
    for pair in pairs + more:
        findings.pair(pair, visits[id(pair.legacy)] or visits[id(pair.candidate)])
    for kind in (Kind.MISSING, Kind.EXTRA, Kind.DUPLICATE, Kind.DUPLICATE_LOST):
        for item in getattr(lone, kind.value):
            findings.lone(item, kind, visits[id(item)])
    return findings.found


def _in_order(left: Sequence[Left]) -> list[Left]:
    """Return *left* in an order of its own, whichever partition was done first."""
    return sorted(left, key=_place)


def _place(one: Left) -> tuple[bool, float, int, bytes]:
    event = one.item.event
    return event.side is Side.CANDIDATE, event.at, event.offset, event.body
