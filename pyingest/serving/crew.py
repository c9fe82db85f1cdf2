"""What every supervisor does with its workers: wait until they listen, ask them, end them."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from pyingest.serving.child import Child
from pyingest.serving.logs import Log

PATIENCE = 2.0
"""Seconds that a worker gets to tell its counts."""
START = 30.0
"""Seconds that the first workers get to listen."""
LOOK = 0.02
"""Seconds between two looks at whether they do."""


async def until_ready(reactor: Any, children: Sequence[Child]) -> str:
    """Wait until all listen; return why one does not, or an empty text."""
    until = reactor.seconds() + START
    while any(one.ready_at is None for one in children):
        bad = next((one for one in children if one.gone.called), None)
        if bad is not None:
            return bad.failure or f"a worker ended: {bad.how}"
        if reactor.seconds() > until:
            return f"the workers did not listen within {START:.0f} s; look at the log"
        await deferLater(reactor, LOOK)
    return ""


async def until_gone(
    reactor: Any, children: Callable[[], list[Child]], seconds: float, log: Log
) -> None:
    """Wait until all have ended; those that take more than *seconds* are killed."""
    until = reactor.seconds() + seconds
    while children() and reactor.seconds() < until:
        await deferLater(reactor, LOOK)
    for child in children():
        log.error("worker killed", pid=child.pid)
        child.kill()
        await child.gone


async def ask_all(children: Sequence[Child]) -> None:
    """Have all tell their counts."""
    await gatherResults([Deferred.fromCoroutine(one.ask(PATIENCE)) for one in children])


def kill_silent(children: Sequence[Child], oldest: float, log: Log) -> None:
    """End those that serve and have said nothing since *oldest* (seconds of the clock)."""
    for child in children:
        if child.ready_at is not None and not child.leaving and child.heard < oldest:
            log.error("worker hangs", pid=child.pid)
            child.kill()
