"""Whether a request gets a copy: switch, rules, sampling and control arm as one question.

In this order: what is switched off is not filtered, what is filtered is not sampled, and the
control arm is drawn from what would be mirrored, so both arms are of the same traffic.
"""

from collections.abc import Callable
from typing import Protocol

from shadow.exchange import Reason
from shadow.isolating.rules import Rules
from shadow.isolating.switch import Switch
from shadow.routing import MIRRORED, Route, Seen
from shadow.sampling import Sampling

SWITCHED_OFF = Route(skip=Reason.SWITCHED_OFF)
FILTERED = Route(skip=Reason.FILTERED)
NOT_SAMPLED = Route(skip=Reason.NOT_SAMPLED)
CONTROL = Route(skip=Reason.CONTROL)


class Arm(Protocol):
    """Says which requests are of the control arm."""

    def draws(self) -> bool:
        """Return whether the request at hand is one."""


class NoArm:
    """There is no control arm."""

    def draws(self) -> bool:
        """Return that no request is of it."""
        return False


class RequestArm:
    """A *share* of the requests, each drawn by *draw*: numbers from 0 up to 1."""

    def __init__(self, share: float, draw: Callable[[], float]) -> None:
        self._share = share
        self._draw = draw

    def draws(self) -> bool:
        """Draw anew."""
        return self._draw() < self._share


class SliceArm:
    """A *share* of the slices of time, in which nothing is mirrored (a switchback experiment).

    Drawn by *position* from the slice's number, so that all workers of a machine draw alike: they
    share its processors. *now* gives epoch seconds. (Bojinov, Simchi-Levi, Zhao, Design and
    Analysis of Switchback Experiments, Management Science 69, 2023.)
    """

    def __init__(
        self,
        share: float,
        seconds: float,
        position: Callable[[bytes], float],
        now: Callable[[], float],
    ) -> None:
        self._share = share
        self._seconds = seconds
        self._position = position
        self._now = now
        self._slice = -1
        self._drawn = False

    def draws(self) -> bool:
        """Return whether now is a slice of the control arm."""
        number = int(self._now() / self._seconds)
        if number != self._slice:
            self._slice = number
            self._drawn = self._position(b"%d" % number) < self._share
        return self._drawn


class RuleRouter:
    """Gives each request its route in shadow, where legacy owns them all."""

    def __init__(self, switch: Switch, rules: Rules, sampling: Sampling, arm: Arm) -> None:
        self._switch = switch
        self._rules = rules
        self._sampling = sampling
        self._arm = arm
        self._takes_all = not rules and sampling.share >= 1.0 and isinstance(arm, NoArm)

    def route(self, request: Seen) -> Route:
        """Return the way of *request*."""
        if not self._switch.is_on:
            return SWITCHED_OFF
        if self._takes_all:
            return MIRRORED
        share = self._sampling.share
        if self._rules and (rule := self._rules.first(request)) is not None:
            if rule.share is None:
                return FILTERED
            share = rule.share
        if share < 1.0 and not self._sampling.samples(request, share):
            return NOT_SAMPLED
        return CONTROL if self._arm.draws() else MIRRORED
