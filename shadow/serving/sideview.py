"""How each side has fared so far, from the exchanges that ended."""

from shadow.exchange import Answered, Exchange, NotMirrored, Outcome, Side
from shadow.isolating.histogram import Histogram
from shadow.status import SideStatus


class SideView:
    """Answers and failures of one side."""

    def __init__(self) -> None:
        self._answered = 0
        self._failed = 0
        self._errors = 0
        self._latency = Histogram()

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if isinstance(outcome, Answered):
            self._answered += 1
            self._errors += outcome.response.status >= 500
            self._latency.add(outcome.seconds)
        else:
            self._failed += 1

    def status(self, in_flight: int) -> SideStatus:
        """Return the counts, with how many requests the side has at this moment."""
        return SideStatus(
            answered=self._answered,
            failed=self._failed,
            errors=self._errors,
            in_flight=in_flight,
            latency=self._latency.counts,
        )


class SideViews:
    """Both sides; an observer of exchanges."""

    def __init__(self) -> None:
        self.of = {side: SideView() for side in Side}

    def observe(self, exchange: Exchange) -> None:
        """Count what came of a request on each side that got it."""
        if not isinstance(exchange.legacy, NotMirrored):
            self.of[Side.LEGACY].add(exchange.legacy)
        if not isinstance(exchange.candidate, NotMirrored):
            self.of[Side.CANDIDATE].add(exchange.candidate)
