"""What says, in one proxy, who answers a request and who gets a copy; and what watches over that.

Isolation (switch, rules, sampling, breaker, trips) stands innermost; where there is a cutover, its
stage stands around it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shadow.cutover.controller import Controller
from shadow.cutover.opening import open_cutover
from shadow.cutover.store import StoreError
from shadow.exchange import Exchange
from shadow.isolating.isolation import isolation_of
from shadow.isolating.watch import Watch
from shadow.options import ShadowError, ShadowOptions
from shadow.routing import Router
from shadow.serving.front import Front
from shadow.status import QueueStatus, Status


class Safeguards:
    """Isolation and cutover of one proxy.

    :raises SettingsError: a rule cannot mean anything.
    :raises ShadowError: there is no such cutover, or it needs what was not given.
    """

    def __init__(self, reactor: Any, options: ShadowOptions, name: str) -> None:
        self._reactor = reactor
        self._options = options
        self.isolation = isolation_of(options.isolating, "the settings")
        self._watch: Watch | None = None
        self._controller = self._opened(name)

    @property
    def router(self) -> Router:
        """Gives each request its way."""
        if self._controller is not None:
            return self._controller.router
        return self.isolation.router

    @property
    def observers(self) -> list[Callable[[Exchange], None]]:
        """What wants to see every finished exchange."""
        return [] if self._controller is None else [self._controller.see]

    def start(self, front: Front, queues: Callable[[], Mapping[str, QueueStatus]] | None) -> None:
        """Watch from now on.

        :param queues: gives the tapped queues, where this process taps them itself.
        """
        self.isolation.switch.turned_off = front.switched_off
        if self.isolation.arms is not None:
            front.proxy.heard = self.isolation.answered
        self._watch = Watch(self._reactor, self.isolation, self._options.run, front, queues)
        self._watch.start()
        if self._controller is not None:
            self._controller.start()

    def stop(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.stop()
        if self._controller is not None:
            self._controller.stop()

    def tell(self, status: Status) -> None:
        """Put into *status* what is known here."""
        self.isolation.tell(status)
        if self._controller is not None:
            status.stage = str(self._controller.state.stage)
            status.error = status.error or self._controller.error

    def _opened(self, name: str) -> Controller | None:
        options = self._options
        if options.cutover is None:
            return None
        if not options.candidate_live:
            raise ShadowError(
                "--cutover needs --candidate-live: the candidate's instance that writes to the "
                "production queues, which answers clients from the ramp on"
            )
        build, copied = options.candidate.build, bool(options.legacy_shadow)
        rules = self.isolation.router
        try:
            return open_cutover(self._reactor, options.cutover, rules, name, build, copied)
        except StoreError as error:
            raise ShadowError(str(error)) from None
