"""The sum of several workers' stats.

Merging is a plain sum, so it is associative and commutative: workers may be asked in any order
and summed in any grouping. Lists are kept in one order, so equal content is equal JSON.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TypeVar

from pyingest.traffic.stats import (
    Counts,
    Listed,
    Sender,
    ServerState,
    Span,
    Stats,
    Tally,
    Unlisted,
    Window,
)

Value = TypeVar("Value")
Place = TypeVar("Place", int, str)


def merge(one: Stats, other: Stats) -> Stats:
    """Return the stats of the workers of both."""
    windows = merged_by(one.windows, other.windows, lambda window: window.seconds, _windows)
    servers = merged_by(one.servers, other.servers, lambda server: server.name, _servers)
    return Stats(
        workers=one.workers + other.workers,
        started=min(one.started, other.started),
        at=max(one.at, other.at),
        since_start=add_tallies(one.since_start, other.since_start),
        windows=tuple(windows[seconds] for seconds in sorted(windows)),
        servers=tuple(servers[name] for name in sorted(servers)),
    )


def merge_all(first: Stats, *others: Stats) -> Stats:
    """Return the stats of all workers together."""
    return reduce(merge, others, first)


def add_tallies(one: Tally, other: Tally) -> Tally:
    """Return the sum of two tallies."""
    return Tally(
        totals=add_counts(one.totals, other.totals),
        endpoints=added(one.endpoints, other.endpoints, add_counts),
        libraries=added(one.libraries, other.libraries, add_counts),
        outcomes=added(one.outcomes, other.outcomes, int.__add__),
        reasons=added(one.reasons, other.reasons, int.__add__),
        tokens=add_listed(one.tokens, other.tokens),
    )


def add_counts(one: Counts, other: Counts) -> Counts:
    """Return the sum of two counts."""
    return Counts(
        requests=one.requests + other.requests,
        bytes=one.bytes + other.bytes,
        stored=one.stored + other.stored,
        unstored=one.unstored + other.unstored,
        invalid=one.invalid + other.invalid,
    )


def add_listed(one: Listed, other: Listed) -> Listed:
    """Return the list of both, in which no number is promised better than both allow.

    A sender that only one of them lists may have sent the other what that calls unlisted. (Agarwal
    et al., "Mergeable summaries", PODS 2012; here nothing is cut, so the sum is exact.)
    """
    mine = {sender.token: sender for sender in one.senders}
    theirs = {sender.token: sender for sender in other.senders}
    senders = [
        _add_senders(
            mine.get(token) or _bounded(token, one.unlisted),
            theirs.get(token) or _bounded(token, other.unlisted),
        )
        for token in mine.keys() | theirs.keys()
    ]
    return Listed(
        senders=in_order(senders),
        unlisted=Unlisted(
            records=one.unlisted.records + other.unlisted.records,
            bytes=one.unlisted.bytes + other.unlisted.bytes,
            invalid=one.unlisted.invalid + other.unlisted.invalid,
        ),
    )


def shortened(listed: Listed, most: int) -> Listed:
    """Return *listed* with at most *most* senders; what is cut raises what is unlisted."""
    kept, cut = listed.senders[:most], listed.senders[most:]
    if not cut:
        return listed
    floor = listed.unlisted
    return Listed(
        senders=kept,
        unlisted=Unlisted(
            records=max(floor.records, *(sender.records.at_most for sender in cut)),
            bytes=max(floor.bytes, *(sender.bytes.at_most for sender in cut)),
            invalid=max(floor.invalid, *(sender.invalid.at_most for sender in cut)),
        ),
    )


def in_order(senders: list[Sender]) -> tuple[Sender, ...]:
    """Return *senders*, those first that may have sent the most records."""
    return tuple(sorted(senders, key=lambda sender: (-sender.records.at_most, sender.token)))


def added(
    one: Mapping[str, Value], other: Mapping[str, Value], add: Callable[[Value, Value], Value]
) -> dict[str, Value]:
    """Return both mappings in one, with the sum of what both hold."""
    result = dict(one)
    for key, value in other.items():
        result[key] = add(result[key], value) if key in result else value
    return result


def merged_by(
    one: tuple[Value, ...],
    other: tuple[Value, ...],
    place: Callable[[Value], Place],
    add: Callable[[Value, Value], Value],
) -> dict[Place, Value]:
    """Return the values of both by their place, with the sum of those that share one."""
    result = {place(value): value for value in one}
    for value in other:
        where = place(value)
        result[where] = add(result[where], value) if where in result else value
    return result


def _bounded(token: str, unlisted: Unlisted) -> Sender:
    return Sender(
        token=token,
        records=Span(at_most=unlisted.records),
        bytes=Span(at_most=unlisted.bytes),
        invalid=Span(at_most=unlisted.invalid),
    )


def _add_senders(one: Sender, other: Sender) -> Sender:
    return Sender(
        token=one.token,
        records=_add_spans(one.records, other.records),
        bytes=_add_spans(one.bytes, other.bytes),
        invalid=_add_spans(one.invalid, other.invalid),
        reasons=added(one.reasons, other.reasons, int.__add__),
    )


def _add_spans(one: Span, other: Span) -> Span:
    return Span(at_least=one.at_least + other.at_least, at_most=one.at_most + other.at_most)


def _windows(one: Window, other: Window) -> Window:
    return Window(
        seconds=one.seconds,
        covered=max(one.covered, other.covered),
        tally=add_tallies(one.tally, other.tally),
    )


def _servers(one: ServerState, other: ServerState) -> ServerState:
    return ServerState(
        name=one.name,
        alive=one.alive + other.alive,
        dead=one.dead + other.dead,
        in_flight=one.in_flight + other.in_flight,
        completed=one.completed + other.completed,
        failed=one.failed + other.failed,
    )
