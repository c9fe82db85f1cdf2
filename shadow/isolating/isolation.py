"""All that protects the clients, put together by one call."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shadow.breaker import Breaker, BreakerLimits
from shadow.exchange import Failure, Reason, Side
from shadow.isolating.histogram import FINE, bucket_of
from shadow.isolating.router import Arm, NoArm, RequestArm, RuleRouter, SliceArm
from shadow.isolating.rules import Rules, rules_of
from shadow.isolating.settings import BreakerSettings, Isolating, SamplingSettings
from shadow.isolating.switch import Switch
from shadow.isolating.tax import Arms, Tax
from shadow.isolating.taxtest import QUANTILES, TaxBounds, TaxTest
from shadow.isolating.trips import Look, Trip, Trips
from shadow.isolating.units import Requests, Slices
from shadow.lane import LaneLimits
from shadow.routing import Route
from shadow.sampling import Sampling, positions
from shadow.status import QueueStatus, Status

LOOK_SECONDS = 1.0
STRETCH_SECONDS = 0.25
"""What stays together in the estimate of the tax, where single requests are drawn."""
Queues = Mapping[str, QueueStatus]


class Filled(Protocol):
    """A lane, as far as it matters here."""

    @property
    def is_full(self) -> bool:
        """Whether next to nothing more would be taken."""


@dataclass(frozen=True, slots=True)
class Means:
    """Time and chance, which tests put into the place of the real ones."""

    draw: Callable[[], float] = random.random
    now: Callable[[], float] = time.time
    """Epoch seconds."""
    monotonic: Callable[[], float] = time.monotonic


class Isolation:
    """What one proxy asks and tells; :func:`isolation_of` makes it."""

    def __init__(self, settings: Isolating, rules: Rules, means: Means) -> None:
        sampling, isolation = settings.sampling, settings.isolation
        self._settings = settings
        self._means = means
        self._rules = rules
        self.switch = Switch()
        self.router = RuleRouter(self.switch, rules, _sampling(sampling), _arm(sampling, means))
        self.lane_limits = LaneLimits(
            isolation.lane.requests, isolation.lane.bytes, isolation.lane.in_flight
        )
        self.breaker = Breaker(breaker_limits(isolation.breaker), lambda: 0.8 + 0.4 * means.draw())
        self.arms: Arms | None = None
        """Legacy's latencies with and without a copy, if there is a control arm."""
        self._test: TaxTest | None = None
        if sampling.control > 0:
            self.arms = Arms(_stretch(sampling))
            self._test = _tax_test(settings)
        self._trips = Trips(isolation.trips, isolation.tax.pause)
        self.trip: Trip | None = None
        """What holds the circuit open now, besides the candidate's own outages."""

    def answered(self, route: Route, seconds: float, at: float) -> None:
        """Take how long the owner took for a request that came *at* (epoch seconds).

        To be told at once, before the copy is sent: in the order of the answers both arms
        are alike. While the circuit is open nothing is counted, since then nothing is mirrored.
        """
        if self.arms is None or self._test is None or self.breaker.is_open:
            return
        control = route.skip is Reason.CONTROL
        if (control or route.skip is None) and route.owner is Side.LEGACY:
            bucket = bucket_of(seconds, FINE)
            self.arms.count(control, bucket, at)
            self._test.count(control, seconds, bucket, at)

    def look(self, now: float, lane: Filled, queues: Queues, stall: float, memory: int) -> None:
        """Open or release the circuit by what there is to see; to be called once a second.

        :param now: seconds of the clock by which the breaker is asked.
        """
        look = Look(self._means.monotonic(), self._taxed(), stall, memory, lane.is_full, queues)
        trip = self._trips.look(look)
        if trip is not None:
            self.breaker.hold(str(trip), now)
        elif self.trip is not None:
            self.breaker.release(now)
        self.trip = trip

    def _taxed(self) -> str:
        """Return what mirroring costs, if it certainly costs more than is allowed."""
        test, tax = self._test, self._settings.isolation.tax
        if test is None or self.breaker.is_open or not test.look(self._means.now()):
            return ""
        test.restart()
        return self._shown() if tax.trip else ""

    def _shown(self) -> str:
        assert self.arms is not None
        mirrored, control = self.arms.whole(False), self.arms.whole(True)
        return ", ".join(
            f"p{one * 100:g} {mirrored.quantile(one) * 1000:.1f} ms with a copy, "
            f"{control.quantile(one) * 1000:.1f} ms without"
            for one in QUANTILES
        )

    def taxes(self) -> list[Tax | None]:
        """Return what mirroring costs at each quantile; ``None`` where too little is known."""
        return [] if self.arms is None else [self.arms.tax(one) for one in QUANTILES]

    def tell(self, status: Status) -> None:
        """Put into *status* what is known here."""
        status.mirroring = self.switch.is_on
        status.breaker = self.breaker.status()
        if self.arms is not None:
            status.arm = self.arms.status()
        if self._rules:
            status.more["rules"] = self._rules.counts()
        if self.switch.control.why:
            status.more["switch"] = self.switch.control.why

    def recorded(self) -> dict[str, Any]:
        """Return what the manifest of the run keeps of the shadow tax; nothing without an arm."""
        if self.arms is None:
            return {}
        sampling = self._settings.sampling
        return {**self.arms.to_dict(), "control": sampling.control, "by": sampling.control_by}


def isolation_of(settings: Isolating, where: str, means: Means | None = None) -> Isolation:
    """Return what *settings* ask for.

    :param where: the file they come from, for messages.
    :raises SettingsError: a rule cannot mean anything.
    """
    return Isolation(settings, rules_of(settings.rules, where), means or Means())


def breaker_limits(settings: BreakerSettings) -> BreakerLimits:
    """Return the limits of the circuit breaker."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    counted = tuple(Failure(one) for one in settings.counted)
    return BreakerLimits(**{**values, "counted": counted})


def _sampling(settings: SamplingSettings) -> Sampling:
    return Sampling(settings.share, settings.sticky, settings.seed)


def _arm(settings: SamplingSettings, means: Means) -> Arm:
    if settings.control <= 0:
        return NoArm()
    if settings.control_by == "request":
        return RequestArm(settings.control, means.draw)
    place = positions(settings.seed, b"control")
    return SliceArm(settings.control, settings.slice_seconds, place, means.now)


def _stretch(settings: SamplingSettings) -> float:
    return settings.slice_seconds if settings.control_by == "slice" else STRETCH_SECONDS


def _tax_test(settings: Isolating) -> TaxTest:
    sampling, tax = settings.sampling, settings.isolation.tax
    bounds = TaxBounds(tax.ratio, tax.slack, tax.alpha)
    if sampling.control_by == "slice":
        return TaxTest(sampling.control, bounds, Slices(sampling.slice_seconds))
    return TaxTest(sampling.control, bounds, Requests())
