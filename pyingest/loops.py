"""The event loops that a server can run on."""

import gc
from typing import Any

from pyingest.crowd import gather

_COLLECT = (1_000, 5, 200)
"""Thresholds of the garbage collector's generations: small parts of what came since the start are
traversed at a time, in a millisecond or two, and all of it as seldom as can be."""


def begin_loop(name: str) -> Any:
    """Return the reactor of this process, which reads connections together from now on.

    :param name: ``twisted``, the stock reactor; or ``lean``, which does less for each read. To be
        called before anything else imports ``twisted.internet.reactor``.
    :raises RuntimeError: the lean loop does not fit the Twisted that is installed.
    """
    if name == "lean":
        from pyingest.lean import install

        install()
    from twisted.internet import reactor

    gather(reactor)
    running: Any = reactor
    running.callWhenRunning(settle)
    return reactor


def settle() -> None:
    """Keep the garbage collector from what is there already, which stays as long as the process.

    To traverse all modules takes some 20 ms, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
