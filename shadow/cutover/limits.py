"""What is borne of the candidate while it answers clients."""

import msgspec


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When the guards fire."""

    outage: int = 8
    """Requests without an answer of the candidate's in a row."""
    errors: float = 0.005
    """Share of errors that is always borne."""
    refusals: float = 0.05
    """Share of refusals that is always borne; what clients send decides on it, too."""
    ratio: float = 1.5
    """So many times legacy's share of either is borne, too."""
    slower: float = 1.5
    """So many times legacy's p99 is borne of the candidate's,"""
    slack: float = 0.02
    """and so many seconds more than legacy's."""

    def is_sound(self) -> bool:
        """Say whether these are shares and factors."""
        shares = 0 < self.errors < 1 and 0 < self.refusals < 1
        return shares and self.outage > 0 and min(self.ratio, self.slower) >= 1 and self.slack >= 0
