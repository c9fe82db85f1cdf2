"""How a run is compared: what the policy says about comparing, apart from judging."""

from dataclasses import dataclass, field

from compare.noise.noise import Tolerances
from compare.policy.accepted import Accepted


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run is compared. A value that can be sent to another process."""

    tolerances: Tolerances = field(default_factory=Tolerances)
    accept: tuple[Accepted, ...] = ()
    """Differences that reviewers accepted, those that hold on the day of the recording."""
    headers: tuple[str, ...] = ("content-type",)
    """Names of the answer's headers that must agree, in lower case."""
    window_seconds: float = 10.0
    """Length of a window of the latency comparison."""
    late_after: float = 30.0
    """Seconds between the arrivals of a pair from which on it is late."""
    order: bool = True
    """Whether to count events of one person that lie in another order."""
