"""Which requests are mirrored: a share, chosen by the request itself.

The choice sticks: the same request is chosen in every run and by every worker.
"""

import zlib

from pyingest.message import Request

_STEPS = 1_000_000


def is_sampled(request: Request, share: float) -> bool:
    """Return whether *request* is among the *share* (0 to 1) that is mirrored."""
    if share >= 1.0:
        return True
    digest = zlib.crc32(request.body, zlib.crc32(request.target))
    return digest % _STEPS < share * _STEPS
