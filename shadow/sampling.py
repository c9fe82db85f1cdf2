"""Which requests are mirrored: a share that sticks, less a control arm that is drawn anew.

The share is chosen by a hash of what it sticks to, so the choice is the same in every worker, and
a larger share keeps what a smaller one took. The control arm is drawn for each request: what
legacy did with it, against what it did with the mirrored ones, tells what mirroring costs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from shadow.exchange import Reason
from shadow.isolating.sticky import Sticky, sticky_key
from shadow.routing import MIRRORED, Route, Seen

_STEPS = 1 << 53
"""Of the numbers from 0 up to 1: as many as a float holds with equal distances."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parts of the requests, each from 0 to 1."""

    share: float = 1.0
    """Mirrored, but for the control arm."""
    control: float = 0.0
    """Of the share: not mirrored. With a share of 1 it is all that is not sampled."""
    sticky: Sticky = Sticky.REQUEST
    seed: int = 0
    """Another seed chooses others."""

    def takes(self, request: Seen, draw: float) -> bool:
        """Return whether *request* is mirrored; *draw* is a random number from 0 up to 1."""
        return self.samples(request, self.share) and draw >= self.control

    def samples(self, request: Seen, share: float) -> bool:
        """Return whether *request* is among the *share* (0 to 1) that is chosen."""
        if share >= 1.0:
            return True
        return share > 0.0 and position(sticky_key(request, self.sticky), self.seed) < share


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
    """Return whether *request* is among the *share* (0 to 1) that is chosen, by itself."""
    return Sampling().samples(request, share)


def position(key: bytes, seed: int = 0, purpose: bytes = b"sample") -> float:
    """Return where *key* stands among all keys: a number from 0 up to 1, as good as random.

    Those below 0.05 are 5 % of the keys. Choices for another *purpose* (at most 16 bytes), such
    as the ramp of a cutover, are independent of these.
    """
    return _placed(key, _hash(seed, purpose))


def positions(seed: int, purpose: bytes) -> Callable[[bytes], float]:
    """Return :func:`position` for one seed and purpose."""
    begun = _hash(seed, purpose)
    return lambda key: _placed(key, begun)


@lru_cache(maxsize=64)
def _hash(seed: int, purpose: bytes) -> "blake2b":
    salt = (seed % (1 << 64)).to_bytes(8, "big")
    return blake2b(digest_size=8, salt=salt, person=purpose)


def _placed(key: bytes, begun: "blake2b") -> float:
    digest = begun.copy()
    digest.update(key)
    return (int.from_bytes(digest.digest(), "big") >> 11) / _STEPS
