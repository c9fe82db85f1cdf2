"""What a replay is asked to do, checked before anything is sent."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import inf
from pathlib import Path

from replay.accounting import Accounting, Result
from replay.entry import Entry, Parsed
from replay.formats.detection import first_time, in_time_order, read_log
from replay.order import Order, ordered
from replay.pacing import Closed, Due, Open, Pace, Timed, schedule
from replay.targets import Refused, Target, find_target, host_of, permit


class ReplayError(Exception):
    """A replay that cannot be done. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What a replay is asked to do."""

    logs: tuple[Path, ...]
    to: str
    """URL of the service: ``http://HOST:PORT``."""
    pace: Pace
    order: Order = Order.FILE
    seed: int = 0
    limit: int | None = None
    """Requests to send at most."""
    in_flight: int = 500
    """Requests under way at most; beyond it they leave late. A closed loop has its workers."""
    allowed: tuple[str, ...] = ()
    """Hosts other than this machine that may be hit."""
    keep_credentials: bool = False
    """Send ``Cookie`` and ``Authorization`` again, where the log holds them."""
    patience: float = 30.0
    """Seconds to wait for an answer."""
    drain: float = 5.0
    """Seconds to wait for what is under way when the replay is stopped."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do."""

    result: Result
    """The account with nothing sent: ``left_out`` of the replayable lines, and the duration."""
    planned: int
    """Requests that would be sent."""
    endpoints: tuple[tuple[str, int], ...]
    """Method and path of the most frequent ones, with their number."""


def check(options: ReplayOptions) -> Target:
    """Return where the requests are to go.

    :raises ReplayError: options do not go together, or the target may not be hit.
    :raises LogError: a log cannot be read.
    """
    match options.pace:
        case Timed(speed, _) if not 0 < speed < inf:
            raise ReplayError(f"--speed {speed:g}: must be a number above 0")
        case Open(rate) if not 0 < rate < inf:
            raise ReplayError(f"--rate {rate:g}: must be a number above 0")
        case Closed(workers) if workers < 1:
            raise ReplayError(f"{workers} workers: there must be one at least")
        case Timed() if options.order is not Order.FILE:
            raise ReplayError(
                f"--order {options.order}: the log's times mean nothing in another order; "
                "use --mode open or closed with it"
            )
    for log in options.logs:
        first_time(log)
    target = find_target(options.to)
    if isinstance(target, Target):
        # Only a target elsewhere can be the place the log came from, and then it must be known
        # before the first request leaves: so the logs are read once more, in advance.
        seen = set[str]() if target.is_loopback else hosts(parsed_lines(options))
        target = permit(target, options.allowed, seen)
    if isinstance(target, Refused):
        raise ReplayError(target.why)
    return target


def parsed_lines(options: ReplayOptions) -> Iterator[Parsed]:
    """Yield every line of every log, the log that begins first first.

    :raises LogError: a log cannot be read.
    """
    logs = in_time_order(options.logs)
    return chain.from_iterable(read_log(log, options.keep_credentials) for log in logs)


def hosts(lines: Iterable[Parsed]) -> set[str]:
    """Return the hosts that a log's requests went to."""
    return {host_of(line.request) for line in lines if isinstance(line, Entry)}


def dues(options: ReplayOptions, lines: Iterable[Parsed], accounting: Accounting) -> Iterator[Due]:
    """Yield what is to be sent and when, counting each line that is read for it."""
    entries = ordered(accounting.read(lines), options.order, options.seed, options.limit)
    if isinstance(options.pace, Closed):
        return (Due(0.0, entry) for entry in entries)
    return schedule(options.pace, entries)


def plan(options: ReplayOptions) -> Plan:
    """Return what a replay would do; nothing is sent.

    :raises ReplayError: see :func:`check`.
    :raises LogError: a log cannot be read.
    """
    target = check(options)
    accounting = Accounting()
    endpoints: Counter[str] = Counter()
    seconds, planned = 0.0, 0
    for due in dues(options, parsed_lines(options), accounting):
        request = due.entry.request
        path = request.target.partition(b"?")[0]
        endpoints[f"{request.method.decode('latin-1')} {path.decode('latin-1')}"] += 1
        seconds, planned = due.seconds, planned + 1
    closed = isinstance(options.pace, Closed)
    result = accounting.result(
        target.authority, in_words(options.pace), closed, "a dry run: nothing was sent", seconds
    )
    return Plan(result, planned, tuple(endpoints.most_common(10)))


def in_words(pace: Pace) -> str:
    """Return the pace as a user reads it."""
    match pace:
        case Timed(speed, max_gap):
            gap = "" if max_gap is None else f", silences cut to {max_gap:g} s"
            return f"as logged, at {speed:g} times the speed{gap}"
        case Open(rate, poisson):
            return f"open loop, {rate:g} a second, {'Poisson' if poisson else 'even'} arrivals"
        case Closed(workers):
            return f"closed loop, {workers} in flight"
