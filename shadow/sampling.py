"""Which requests are mirrored: a share, less a control arm.

The share is chosen by the request itself, so the choice sticks: the same request is chosen in
every run and by every worker. The control arm is drawn anew for each request; what it did at
legacy, against what the mirrored ones did, tells what mirroring costs the clients.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from shadow.exchange import Reason
from shadow.routing import MIRRORED, Route, Seen

_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parts of the requests, each from 0 to 1."""

    share: float = 1.0
    """Mirrored, but for the control arm."""
    control: float = 0.0
    """Of the share: not mirrored. With a share of 1 it is all that is not sampled."""

    def takes(self, request: Seen, draw: float) -> bool:
        """Return whether *request* is mirrored; *draw* is a random number from 0 up to 1."""
        return is_sampled(request, self.share) and draw >= self.control


class SampleRouter:
    """Legacy owns every request; the candidate gets a copy of those that *sampling* takes.

    *draw* gives random numbers from 0 up to 1.
    """

    def __init__(self, sampling: Sampling, draw: Callable[[], float]) -> None:
        self._sampling = sampling
        self._draw = draw
        self._left_out = Route(skip=Reason.NOT_SAMPLED)

    def route(self, request: Seen) -> Route:
        """Return the way of *request*."""
        taken = self._sampling.takes(request, self._draw())
        return MIRRORED if taken else self._left_out


def is_sampled(request: Seen, share: float) -> bool:
    """Return whether *request* is among the *share* (0 to 1) that is mirrored."""
    if share >= 1.0:
        return True
    digest = zlib.crc32(request.body, zlib.crc32(request.target))
    return digest % _STEPS < share * _STEPS
