"""Everything that a queue holds, read once; its own consumers lose nothing."""

from collections.abc import Callable
from typing import Any

from pyingest.event import Stored
from pyingest.queues.gauge import Gauging
from pyingest.queues.interface import QueueError, parse_queue_url
from pyingest.queues.opening import open_reader

BATCH = 1000
NAME = "mixmigrate-import"
QUIET = 3
"""Reads in a row that give nothing, until the end is believed."""


async def take_position(reactor: Any, url: str, name: str) -> None:
    """Take the position *name* in a queue, so that what comes from now on can be imported.

    :raises QueueError: the queue cannot be reached.
    """
    reader = open_reader(reactor, url, name)
    try:
        await reader.attach()
    finally:
        await reader.close()


async def read_all(
    reactor: Any, url: str, name: str, take: Callable[[Stored], None]
) -> dict[str, Any]:
    """Give *take* what lies behind the position *name*; without a name, all that is kept.

    Returns how it went, as a tap of a dual run tells it. The position is removed at the end.

    :raises QueueError: the queue cannot be read to its end.
    """
    if not name and parse_queue_url(url).scheme == "kestrel":
        raise QueueError(
            f"{url}: Kestrel keeps nothing for who comes later; take a position before the "
            "traffic with --take-position NAME, and import with --position NAME"
        )
    reader = open_reader(reactor, url, name or NAME, from_start=not name)
    count = quiet = 0
    try:
        await reader.attach()
        while quiet < QUIET:
            found = await reader.read(BATCH)
            for one in found:
                take(one)
            count += len(found)
            quiet = 0 if found else quiet + 1
        backlog = await reader.backlog()
        gauges = await reader.gauge() if isinstance(reader, Gauging) else {}
        await reader.detach()
    finally:
        await reader.close()
    lost = [gauge.lost for gauge in gauges.values() if gauge.lost >= 0]
    return {**report(count), "backlog": backlog, "lost": sum(lost) if lost else -1}


def report(count: int) -> dict[str, Any]:
    """Return how a source that was read to its end fared."""
    return {"attached": True, "read": count, "backlog": 0, "errors": 0, "error": ""}
