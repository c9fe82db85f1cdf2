"""Where a connection's answers leave: straight into the socket while it takes them.

Twisted's ``transport.write`` waits for the next turn of the event loop, which costs two calls of
``epoll_ctl`` and a turn for each answer (Twisted issue 5303). A plain TCP socket is written to at
once instead; what it does not take waits in the transport as usual.
"""

from collections.abc import Callable
from typing import Protocol, cast

from twisted.internet.interfaces import IPullProducer, IPushProducer, ITransport
from twisted.internet.tcp import Connection
from zope.interface import implementer

from pyingest.crowd import Gathering, gathering_of

_LARGE = 16 * 1024
"""Bytes that are sent at once: they may not fit into the socket, and who asks should know then."""


class Outlet(Protocol):
    """Writes to a client, and knows whether it may."""

    full: bool
    """Whether the client fetches its answers too slowly. More is taken, but should not come."""

    def send(self, data: bytes) -> None:
        """Write all of *data*, after what was written before."""

    def post(self, data: bytes) -> None:
        """Write all of *data* likewise; at once, or together with what others post now."""

    def release(self) -> None:
        """Stop to look after the transport, which is about to be closed."""

    def forget(self) -> None:
        """Tell nobody any more: the connection is gone.

        The two refer to each other, and would stay until the collector finds the cycle.
        """


def outlet(transport: ITransport, changed: Callable[[], None], aside: bool = False) -> Outlet:
    """Return the best outlet for *transport*; *changed* is called when ``full`` changes.

    :param aside: nobody waits for what it brings.
    """
    if not isinstance(transport, Connection) or transport.TLS:
        return BufferedOutlet(cast("Connection", transport), changed)
    gathering = gathering_of(transport.reactor, aside)
    if gathering is None:
        return DirectOutlet(transport, changed)
    gathering.join(transport)
    return GatheredOutlet(transport, changed, gathering)


@implementer(IPullProducer)
class DirectOutlet:
    """Sends on the socket itself; in the transport's buffer is only what did not fit."""

    def __init__(self, transport: Connection, changed: Callable[[], None]) -> None:
        self.full = False
        self._transport = transport
        self._send = transport.getHandle().send
        self._changed = changed

    def post(self, data: bytes) -> None:
        """Write all of *data*, after what was written before."""
        self.send(data)

    def send(self, data: bytes) -> None:
        """Write all of *data*, after what was written before."""
        if not self.full:
            try:
                sent = self._send(data)
            except OSError:  # it would block, or is broken: the transport will see which
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._watch()
        self._transport.write(data)

    def release(self) -> None:
        """Stop to look after the transport."""
        if self.full:
            self._transport.unregisterProducer()

    def forget(self) -> None:
        """Tell nobody any more."""
        self._changed = _nobody

    def _watch(self) -> None:
        """Get told when the transport's buffer is empty: a pull producer is asked for more then.

        It is asked at once too, when it is registered; there is nothing to do about that.
        """
        self._transport.registerProducer(self, False)
        self.full = True
        self._changed()

    def resumeProducing(self) -> None:
        """Note that the transport's buffer is empty."""
        if self.full:
            self._transport.unregisterProducer()
            self.full = False
            self._changed()

    def stopProducing(self) -> None:
        """Nothing to do: the connection is going away."""


class GatheredOutlet(DirectOutlet):
    """Sends what is posted together with what others post."""

    def __init__(
        self, transport: Connection, changed: Callable[[], None], gathering: Gathering
    ) -> None:
        super().__init__(transport, changed)
        self._gathering = gathering
        self._posted = b""

    def post(self, data: bytes) -> None:
        """Write all of *data*, when those who were read at the same time have been dealt with."""
        if not self._gathering.gathers or len(data) > _LARGE:
            self.send(data)
        elif self._posted:
            self._posted += data
        else:
            self._posted = data
            self._gathering.posted.append(self)

    def send(self, data: bytes) -> None:
        """Write all of *data*, after what was written or posted before."""
        if self._posted:
            data, self._posted = self._posted + data, b""
        DirectOutlet.send(self, data)

    def release(self) -> None:
        """Write what was posted, and stop to look after the transport."""
        self.leave()
        DirectOutlet.release(self)

    def leave(self) -> None:
        """Write what was posted."""
        if self._posted:
            data, self._posted = self._posted, b""
            DirectOutlet.send(self, data)


@implementer(IPushProducer)
class BufferedOutlet:
    """Leaves everything to the transport: for TLS, and for what is no TCP socket."""

    def __init__(self, transport: Connection, changed: Callable[[], None]) -> None:
        self.full = False
        self._transport = transport
        self._changed = changed
        self.send = self.post = transport.write
        transport.registerProducer(self, True)

    def release(self) -> None:
        """Stop to look after the transport."""
        self._transport.unregisterProducer()

    def forget(self) -> None:
        """Tell nobody any more."""
        self._changed = _nobody

    def pauseProducing(self) -> None:
        """Note that the client does not fetch its answers."""
        self.full = True
        self._changed()

    def resumeProducing(self) -> None:
        """Note that it does again."""
        self.full = False
        self._changed()

    def stopProducing(self) -> None:
        """Nothing to do: the connection is going away."""


def _nobody() -> None:
    """Hear what nobody wants to know."""
