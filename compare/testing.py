"""Recorded runs for tests: made of values, or by two profiles of ``pyingest`` on given requests."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compare.pairing.finding import STRANGERS, Finding
from compare.pairing.linking import Links
from compare.pairing.matching import FINDINGS, Matched, match, settle
from compare.pairing.settling import settle_left, settled
from compare.pairing.sieve import Sieve
from compare.stages.engine import workplace
from compare.stages.rules import Rules
from compare.stages.scanning import scan
from compare.stages.shuffle import inbox
from compare.stages.tally import EventCounts
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from shadow.exchange import Answered, Exchange, NotMirrored, Outcome, Side, TappedEvent
from shadow.lines import event_line
from shadow.recording import RunReader, RunWriter
from shadow.runs.manifest import Manifest

PARTITIONS = 8
"""Fewer than a real run has: tests make very many small ones."""
GOOD_TAP = {"attached": True, "read": 0, "backlog": 0, "errors": 0, "error": ""}


def recorded(
    directory: Path,
    exchanges: Iterable[Exchange],
    events: Iterable[TappedEvent],
    taps: Mapping[str, dict[str, Any]] | None = None,
) -> RunReader:
    """Return a run of these exchanges and events, written to *directory* and opened."""
    writer = RunWriter(directory, Manifest(created=0.0, partitions=PARTITIONS))
    mirrored = 0
    for exchange in exchanges:
        writer.add_exchange(exchange)
        mirrored += not isinstance(exchange.candidate, NotMirrored)
    for event in events:
        writer.add_event(event)
    told = {side.value: GOOD_TAP for side in Side} if taps is None else dict(taps)
    writer.close({"mirrored": mirrored}, told)
    return RunReader(directory)


def dual_run(
    directory: Path, requests: Iterable[Request], candidate: Profile = STRICT, lag: float = 0.0
) -> RunReader:
    """Return the run of *requests* through legacy's profile and *candidate*.

    Requests are a second apart, from second 1000 on; the candidate gets each *lag* seconds later.
    """
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number, request in enumerate(requests, 1):
        outcomes: list[Outcome] = []
        for side, profile in ((Side.LEGACY, MOCHIWEB), (Side.CANDIDATE, candidate)):
            at = 1000.0 + number + (lag if side is Side.CANDIDATE else 0.0)
            decision = ingest(request, "127.0.0.1", at, profile, Routes())
            outcomes.append(Answered(decision.stored, 0.001))
            events += [
                TappedEvent(side, event.queue, len(events), at, event.body)
                for event in decision.events
            ]
        exchanges.append(Exchange(number, 1000.0 + number, request, outcomes[0], outcomes[1]))
    return recorded(directory, exchanges, events)


def found_in(run: RunReader, rules: Rules) -> tuple[EventCounts, list[Finding]]:
    """Return the events of a run, counted, and what pairing found, before it is explained."""
    with workplace(run.directory) as work:
        for number in run.partitions:
            scan(run.directory, number, rules, work)
        matched = Matched()
        for number in run.partitions:
            matched.merge(match(run.directory, number, rules, work))
        matched.merge(settle_left(matched.left, rules, work))
        places = (*run.partitions, STRANGERS)
        findings = [one for place in places for one in inbox(work, FINDINGS, place, Finding)]
    return matched.counts, [one for one in findings if one.differences]


class Kept:
    """Keeps the findings that are put into it."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def put(self, destination: int, record: Finding) -> None:
        """Keep *record*, if it says that something differs."""
        if record.differences:
            self.findings.append(record)


def paired(events: Iterable[TappedEvent]) -> tuple[EventCounts, list[Finding]]:
    """Return events of no known request, counted, and what pairing found; without a disk."""
    sieve, box, rules = Sieve(Rules().late_after), Kept(), Rules()
    sieve.add([event_line(event) for event in events])
    found = settle(sieve, Links(), None, 0, rules, box)
    found.merge(settled(found.left, rules, box))
    return found.counts, box.findings
