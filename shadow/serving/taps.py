"""The taps of both sides' queues, together."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from pyingest.queues.opening import open_reader
from shadow.exchange import Side, TappedEvent
from shadow.options import ShadowOptions, mapped_names
from shadow.status import QueueStatus
from shadow.tap import Tap


class Taps:
    """Reads both sides' queues from :meth:`attach` to :meth:`finish`."""

    def __init__(
        self, reactor: Any, options: ShadowOptions, take: Callable[[TappedEvent], None]
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._take = take
        self._names = mapped_names(options)
        self.of: dict[Side, Tap] = {}

    async def attach(self, position: str) -> None:
        """Take the *position* of that name in the queues of both sides.

        :raises QueueError: a queue cannot be reached; nothing is left behind.
        """
        try:
            for side in Side:
                reader = open_reader(self._reactor, self._options.side(side).queue, position)
                tap = Tap(self._reactor, side, reader, self._names[side], self._take)
                self.of[side] = tap
                await tap.attach()
        except Exception:
            await self.withdraw()
            raise

    async def withdraw(self) -> None:
        """Undo :meth:`attach`: the run does not begin after all."""
        for tap in self.of.values():
            await tap.withdraw()

    def start(self) -> None:
        """Read from now on."""
        for tap in self.of.values():
            tap.start()

    async def finish(self) -> None:
        """Read what is left, and stop."""
        finishing = (tap.finish(self._options.drain_seconds) for tap in self.of.values())
        await gatherResults([Deferred.fromCoroutine(one) for one in finishing])

    def report(self) -> dict[str, dict[str, Any]]:
        """Return how each side's tap fared, for the manifest."""
        return {side.value: tap.report() for side, tap in self.of.items()}

    def status(self) -> dict[str, QueueStatus]:
        """Return where each side's tap is."""
        return {
            f"{side.value} {','.join(sorted(self._names[side].values()))}": QueueStatus(
                read=tap.state.read, lag=tap.state.backlog, error=tap.state.error
            )
            for side, tap in self.of.items()
        }
