"""Which requests are mirrored: a share that sticks.

It is chosen by a hash of what it sticks to, so the choice is the same in every worker, and a
larger share keeps what a smaller one took.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from shadow.isolating.sticky import Sticky, sticky_key
from shadow.routing import Seen

_STEPS = 1 << 53
"""Of the numbers from 0 up to 1: as many as a float holds with equal distances."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which part of the requests, from 0 to 1, and what decides."""

    share: float = 1.0
    """Mirrored, but for the control arm."""
    sticky: Sticky = Sticky.REQUEST
    seed: int = 0
    """Another seed chooses others."""

    def samples(self, request: Seen, share: float) -> bool:
        """Return whether *request* is among the *share* (0 to 1) that is chosen."""
        if share >= 1.0:
            return True
        return share > 0.0 and position(sticky_key(request, self.sticky), self.seed) < share


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
