"""Which side answers a request, by the stage; the rules behind it say whether it is mirrored."""

from dataclasses import replace
from hashlib import blake2b

from shadow.cutover.stage import SHADOW, Phase, Stage
from shadow.exchange import Reason, Side
from shadow.isolating.sticky import person
from shadow.routing import MIRRORED, Route, Router, Seen

COPIED = Route(Side.CANDIDATE)
ALONE = Route(Side.CANDIDATE, Reason.ALONE)
_BUCKETS = 1 << 64


class Mirroring:
    """Mirrors everything: what stands behind a stage where there are no rules."""

    def route(self, request: Seen) -> Route:
        """Return the way of *request*: legacy answers, the candidate gets a copy."""
        return MIRRORED


class StageRouter:
    """Gives requests to the candidate as the stage says, and asks *rules* about copies.

    A person is on the same side for as long as the percentage stays, and who is on the candidate's
    side stays there as it grows. What the rules keep from being mirrored, and what is too large to
    be kept, was never compared, so during the ramp it stays legacy's. So does everything while
    mirroring is switched off: then the candidate is as if it were not there.

    :param copied: legacy has an instance whose events go to a quarantined queue.
    """

    def __init__(self, rules: Router, copied: bool) -> None:
        self._rules = rules
        self._copied = copied
        self._seed = b""
        self._limit = 0
        self.stage = SHADOW

    def adopt(self, stage: Stage, seed: int) -> None:
        """Route by *stage* from now on."""
        self.stage = stage
        self._seed = seed.to_bytes(8, "big", signed=True)
        self._limit = int(stage.percent / 100 * _BUCKETS)

    def route(self, request: Seen) -> Route:
        """Return the way of *request*."""
        route = self._rules.route(request)
        if not self._limit:
            return route
        if self.stage.phase is Phase.DONE:
            return ALONE
        if self.stage.phase is Phase.RAMP and not self._is_on_ramp(request, route):
            return route
        if route.skip is None:
            return COPIED if self._copied else ALONE
        return replace(route, owner=Side.CANDIDATE)

    def _is_on_ramp(self, request: Seen, route: Route) -> bool:
        """Return whether the candidate answers *request* already."""
        # A request whose body is passed on as it comes is never compared.
        if route.skip in _UNPROVEN or not getattr(request, "whole", True):
            return False
        return bucket(key_of(request), self._seed) < self._limit


_UNPROVEN = (Reason.FILTERED, Reason.TOO_LARGE, Reason.SWITCHED_OFF)


def key_of(request: Seen) -> bytes:
    """Return what the side of *request* is chosen by: its person, else its project, else itself.

    A batch cannot be torn apart: its first event decides for all. Where not even a token is found
    the whole request decides, so that a client that sends the same bytes again meets the same side.
    """
    found = person(request)
    if found.distinct_id:
        return b"%b\0%b" % (found.token, found.distinct_id)
    return found.token or b"%b\0%b" % (request.target, request.body)


def bucket(key: bytes, seed: bytes) -> int:
    """Return the place of *key* among 2**64, evenly spread, and another one for another seed."""
    return int.from_bytes(blake2b(key, digest_size=8, key=seed).digest(), "big")
