"""Synthetic traffic of an ingestion service: every dialect of its clients, in proportion.

The same seed gives the same bytes. No two requests are alike, so that each is evidence of its
own; none is refused by HTTP itself, so that all of them reach the service behind a front.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from pyingest.message import Request
from replay import dialects, oddities
from replay.analytics import World
from replay.dialects import Dialect, Moment
from replay.formats.capture import capture_line

START = 1321862400.0
"""Epoch seconds of the first request: 21 November 2011, 08:00 UTC."""
PER_SECOND = 1000.0
"""Requests a second, on average, with independent arrivals."""

MIX: dict[str, tuple[float, Dialect]] = {
    "browser batch": (18.0, dialects.browser_batch),
    "browser plain": (8.0, dialects.browser_plain),
    "browser get": (9.0, dialects.browser_get),
    "browser engage": (4.0, dialects.engage_browser),
    "python": (18.0, dialects.python),
    "node": (17.0, dialects.node),
    "node batch": (1.5, dialects.node_batch),
    "ruby": (3.0, dialects.ruby),
    "java": (3.0, dialects.java),
    "php": (1.0, dialects.php),
    "go": (1.0, dialects.go),
    "iphone 2011": (1.5, dialects.iphone_2011),
    "pixel": (1.0, dialects.pixel),
    "jsonp": (0.8, dialects.jsonp),
    "beacon": (0.5, dialects.beacon),
    "preflight": (0.8, dialects.preflight),
    "link check": (0.4, dialects.link_check),
    "proxy chain": (1.0, dialects.proxy_chain),
    "unescaped get": (0.5, dialects.unescaped_get),
    "python 2 base64": (0.6, dialects.python2),
    "semicolons": (0.5, dialects.semicolons),
    "trailing comma": (0.6, oddities.trailing_comma),
    "duplicate keys": (0.6, oddities.duplicate_keys),
    "control characters": (0.5, oddities.control_characters),
    "unknown escapes": (0.4, oddities.unknown_escapes),
    "lone surrogate": (0.4, oddities.lone_surrogate),
    "CESU-8": (0.4, oddities.cesu8),
    "big integer": (0.6, oddities.big_integer),
    "float text": (0.8, oddities.float_text),
    "no time": (0.6, oddities.no_time),
    "URL-safe base64": (0.4, oddities.url_safe),
    "unpadded base64": (0.4, oddities.unpadded),
    "over-padded base64": (0.4, oddities.over_padded),
    "bad base64": (0.4, oddities.bad_base64),
    "bad JSON": (0.4, oddities.bad_json),
    "incomplete": (0.4, oddities.incomplete),
    "nothing": (0.4, oddities.nothing),
    "unknown path": (0.4, oddities.unknown_path),
    "put": (0.3, oddities.put),
}
"""Share of each dialect, and how it is written. The shares are a choice, not a measurement."""


@dataclass(frozen=True, slots=True)
class Synthetic:
    """One made-up request."""

    seconds: float
    """After the first one."""
    dialect: str
    request: Request


def synthetic(count: int, seed: int) -> Iterator[Synthetic]:
    """Yield *count* requests in order of time."""
    random = Random(seed)
    world = World(random)
    names = list(MIX)
    weights = list(accumulate(share for share, _ in MIX.values()))
    seconds = 0.0
    for _ in range(count):
        name = random.choices(names, cum_weights=weights)[0]
        yield Synthetic(seconds, name, MIX[name][1](Moment(world, START + seconds)))
        seconds += random.expovariate(PER_SECOND)


def traffic(count: int, seed: int) -> Iterator[tuple[float, Request]]:
    """Yield *count* requests, each with its seconds after the first."""
    return ((item.seconds, item.request) for item in synthetic(count, seed))


def write_corpus(path: Path, count: int, seed: int) -> None:
    """Write *count* requests as a capture, which ``mixmigrate replay`` reads.

    :raises OSError: the file cannot be written.
    """
    with path.open("wb") as file:
        for seconds, request in traffic(count, seed):
            file.write(capture_line(START + seconds, request) + b"\n")
