"""What is known at one moment: the value from which every answer of the live page is made."""

from dataclasses import dataclass, field

from compare.live.history import History
from compare.live.judged import Judged
from compare.live.roster import PRESENT, Member, Totals
from compare.live.safety import ENDED, WAITING, Level, Safety, safety
from shadow.serving.statusfiles import Unreadable

STALE = 60.0
"""Seconds after which the last look at a run that is recorded says too little about now."""
SLOW = 6.0
"""So many times its own length may lie between a look and the next."""


@dataclass(slots=True)
class View:
    """Everything, at one moment."""

    run: str
    """The run directory's name."""
    at: float
    """Epoch seconds."""
    judged: Judged
    """The last look at the evidence."""
    trouble: str = ""
    """Why there are no further looks; empty when there are."""
    members: list[Member] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    history: History = field(default_factory=History)
    unreadable: tuple[Unreadable, ...] = ()
    distinct_rate: float | None = None
    """New distinct requests a second, as far as looks tell."""

    @property
    def phase(self) -> str:
        """``waiting``, ``running``, ``ended``, ``abandoned`` or ``broken``."""
        if any(one.life in PRESENT for one in self.members):
            return "running"
        return {
            "waiting": "waiting",
            "recording": "running",
            "complete": "ended",
            "abandoned": "abandoned",
        }.get(self.judged.state, "broken")

    @property
    def safety(self) -> Safety:
        """How the clients fare."""
        found = safety(self.members, self.totals, self.history.recent, self.history.taxes)
        if self.phase == "ended":
            return ENDED
        return WAITING if found.level is Level.UNKNOWN and self.phase == "waiting" else found

    @property
    def age(self) -> float:
        """Seconds since the last look; 0 before the first, and after the last that is needed."""
        return 0.0 if self.judged.final or not self.judged.at else self.at - self.judged.at

    @property
    def is_stale(self) -> bool:
        """Whether the verdict is of a time long gone, though the run went on."""
        return self.age > max(STALE, SLOW * self.judged.seconds)

    @property
    def progress(self) -> float | None:
        """Share of the distinct requests that a verdict takes; ``None`` where none is awaited."""
        needs = self.judged.needs
        if self.judged.outcome != "UNDECIDED" or needs is None:
            return None
        seen = self.judged.requests.get("distinct", 0)
        return seen / (seen + needs) if seen + needs else 0.0

    @property
    def remaining_seconds(self) -> float | None:
        """About how long the missing requests take at the present rate; ``None``: not known."""
        if self.phase != "running" or not self.judged.needs or not self.distinct_rate:
            return None
        return self.judged.needs / self.distinct_rate
