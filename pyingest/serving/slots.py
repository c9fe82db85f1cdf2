"""When a dead worker is started again: at once if it lived well, else later and later."""

from dataclasses import dataclass

FIRST = 0.5
"""Seconds before the second attempt in a row."""
LONGEST = 30.0
"""Seconds between attempts, at the most."""
LIVED = 10.0
"""Seconds after which a worker's death says nothing about the next one's."""
PATIENT = 2
"""Deaths in a row after which clients are no longer left waiting at the slot's socket."""


@dataclass(frozen=True, slots=True)
class Deaths:
    """How often in a row a slot's workers died young."""

    in_a_row: int = 0

    def after(self, lived: float) -> "Deaths":
        """Return the count after a worker that served for *lived* seconds died."""
        return Deaths(1 if lived >= LIVED else self.in_a_row + 1)

    @property
    def wait(self) -> float:
        """Seconds until the next worker is started."""
        if self.in_a_row <= 1:
            return 0.0
        return float(min(LONGEST, FIRST * 2.0 ** min(self.in_a_row - 2, 16)))

    @property
    def gives_way(self) -> bool:
        """Whether the slot's socket must close, so that clients go to the other workers."""
        return self.in_a_row >= PATIENT
