"""Who sends what: the traffic of each worker, and of all of them."""

from typing import Any

from pyingest.serving.parts import Observed
from pyingest.traffic.merging import merge_all
from pyingest.traffic.observer import Traffic
from pyingest.traffic.stats import UnknownStats, read_stats

NAME = "traffic"
"""Under which the stats stand in /stats."""


class TrafficObserver:
    """Tells the traffic of each request that came to an endpoint."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def observe(self, seen: Observed) -> None:
        """Count one request."""
        if seen.decision.events or seen.decision.rejected:
            self._traffic.observe(seen.decision, seen.size, seen.outcomes, endpoint=seen.endpoint)


def merged(stats: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the stats of several workers as those of one server."""
    found = []
    for one in stats:
        try:
            found.append(read_stats(one[NAME]))
        except (KeyError, UnknownStats):
            continue  # a worker of another version, while it is being replaced
    return {NAME: merge_all(*found)} if found else {}
