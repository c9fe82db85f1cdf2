"""Which requests are mirrored: a share, less a control arm.

The share is chosen by the request itself, so the choice sticks: the same request is chosen in
every run and by every worker. The control arm is drawn anew for each request; what it did at
legacy, against what the mirrored ones did, tells what mirroring costs the clients.
"""

import zlib
from dataclasses import dataclass

from pyingest.message import Request

_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parts of the requests, each from 0 to 1."""

    share: float = 1.0
    """Mirrored, but for the control arm."""
    control: float = 0.0
    """Of the share: not mirrored. With a share of 1 it is all that is not sampled."""

    def takes(self, request: Request, draw: float) -> bool:
        """Return whether *request* is mirrored; *draw* is a random number from 0 up to 1."""
        return is_sampled(request, self.share) and draw >= self.control


def is_sampled(request: Request, share: float) -> bool:
    """Return whether *request* is among the *share* (0 to 1) that is mirrored."""
    if share >= 1.0:
        return True
    digest = zlib.crc32(request.body, zlib.crc32(request.target))
    return digest % _STEPS < share * _STEPS
