"""What must be true before the first client is given to the candidate, checked one by one."""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from pyingest.queues.interface import QueueError, QueueUrl, parse_queue_url
from shadow.cutover.stage import Proof, State, unfit
from shadow.options import ShadowError, address


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a cutover as the operator named them; what ``plan.json`` holds."""

    listen: str = "127.0.0.1:8000"
    """Where the proxy takes clients."""
    legacy: str = ""
    candidate: str = ""
    """The candidate's instance that writes to quarantined queues."""
    candidate_live: str = ""
    """The one that writes to the production queues."""
    legacy_shadow: str = ""
    """A legacy instance that writes to the quarantined queues, or empty."""
    legacy_queue: str = ""
    candidate_queue: str = ""
    candidate_live_queue: str = ""
    legacy_shadow_queue: str = ""


class Mark(enum.StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"
    """Works, and the operator must know."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the pre-flight list."""

    mark: Mark
    said: str


Reach = Callable[[str, int], str]
"""Returns why nothing answers at host and port, or an empty text."""


def preflight(places: Places, state: State, proof: Proof | None, reach: Reach) -> list[Check]:
    """Return all checks of a cutover that is planned with *places*."""
    return [
        *_services(places, reach),
        *_queues(places),
        *_copies(places),
        *_evidence(state, proof),
    ]


def _services(places: Places, reach: Reach) -> Iterator[Check]:
    named = {
        "legacy": places.legacy,
        "candidate": places.candidate,
        "candidate-live": places.candidate_live,
        **({"legacy-shadow": places.legacy_shadow} if places.legacy_shadow else {}),
    }
    for name, url in named.items():
        host, port = place_of(url)
        if not host:
            yield Check(Mark.PROBLEM, f"--{name}: {url!r} is no URL; write http://HOST:PORT")
            continue
        why = reach(host, port)
        yield Check(Mark.PROBLEM if why else Mark.OK, f"{name} {url}: {why or 'takes connections'}")
    seen: dict[tuple[str, int], str] = {}
    for name, url in named.items():
        other = seen.setdefault(place_of(url), name)
        if other != name and url:
            yield Check(
                Mark.PROBLEM,
                f"{name} and {other} are one process ({url}): it writes to one queue, but must "
                "write to production in one part and to quarantine in the other",
            )


def _queues(places: Places) -> Iterator[Check]:
    """Yield whether each event can only come to production from the side that answered."""
    try:
        production = parse_queue_url(places.legacy_queue)
        live = parse_queue_url(places.candidate_live_queue or places.legacy_queue)
        quarantine = parse_queue_url(places.candidate_queue)
    except QueueError as error:
        yield Check(Mark.PROBLEM, str(error))
        return
    told = "" if places.candidate_live_queue else " (--candidate-live-queue not given: assumed)"
    if live.location == production.location and live.names == production.names:
        mark = Mark.OK if places.candidate_live_queue else Mark.NOTE
        yield Check(mark, f"candidate-live writes to legacy's queue {production.shown}{told}")
    else:
        yield Check(
            Mark.PROBLEM,
            f"candidate-live writes to {live.shown}, production is {production.shown}: what it "
            "answers would never reach the consumers",
        )
    yield _apart("candidate", quarantine, production)


def _apart(name: str, queue: QueueUrl, production: QueueUrl) -> Check:
    if queue.location == production.location and set(queue.names) & set(production.names):
        return Check(
            Mark.PROBLEM,
            f"{name} writes to the production queue {production.shown}: every consumer would get "
            "each event twice; give it queues of its own",
        )
    return Check(Mark.OK, f"{name} writes to quarantine {queue.shown}, not to production")


def _copies(places: Places) -> Iterator[Check]:
    """Yield what becomes of the requests that the candidate answers."""
    if not places.legacy_shadow:
        yield Check(
            Mark.NOTE,
            "no --legacy-shadow: what the candidate answers goes to it alone. Its answers are not "
            "compared, and legacy gets no copy of it: after a roll-back legacy answers everybody "
            "again and no event is lost, but what legacy keeps in memory does not know of them",
        )
        return
    try:
        copies = parse_queue_url(places.legacy_shadow_queue)
        quarantine = parse_queue_url(places.candidate_queue)
        production = parse_queue_url(places.legacy_queue)
    except QueueError as error:
        yield Check(Mark.PROBLEM, f"--legacy-shadow-queue: {error}")
        return
    yield _apart("legacy-shadow", copies, production)
    if (copies.location, copies.names) != (quarantine.location, quarantine.names):
        yield Check(
            Mark.PROBLEM,
            f"legacy-shadow writes to {copies.shown}, the candidate to {quarantine.shown}: let "
            "both write to the same quarantined queues, in the same order; the copies of all "
            "requests are looked for there",
        )


def _evidence(state: State, proof: Proof | None) -> Iterator[Check]:
    owner = proof or state.proof
    if owner is None:
        yield Check(Mark.NOTE, "no report yet: the first step asks for one, or for a run")
        return
    found = unfit(state, owner)
    yield from (Check(Mark.PROBLEM, one) for one in found)
    if not found:
        said = f"{owner.run} says {owner.verdict} for build {owner.build!r}, policy {owner.policy}"
        yield Check(Mark.OK, said)


def place_of(url: str) -> tuple[str, int]:
    """Return host and port of a URL; no host where it is none."""
    try:
        return address(url)
    except ShadowError:
        return "", 0
