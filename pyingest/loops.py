"""The event loops that a server can run on."""

from typing import Any

from pyingest.crowd import gather


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
    return reactor
