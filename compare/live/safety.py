"""Whether the clients are safe now, in one word, and why."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compare.live.history import Recent, SideNow
from compare.live.roster import PRESENT, Life, Member, Totals
from compare.live.tax import Tax

BAD_SHARE = 0.01
"""Share of calls without a good answer from which on the clients are at risk."""
STALL = 0.25
"""Seconds of looking at nothing that a client of a proxy would feel."""
MOURNED = 60.0
"""Seconds for which a process that died is an alarm, while others do its work."""


class Level(enum.StrEnum):
    """How the clients fare."""

    SAFE = "safe"
    WATCH = "watch"
    """Nothing is lost, but somebody should look."""
    AT_RISK = "at risk"
    UNKNOWN = "unknown"
    """No process tells anything."""
    WAITING = "waiting"
    """The run has not begun."""
    ENDED = "ended"
    """No request goes through this run any more."""


_ORDER = (Level.SAFE, Level.WATCH, Level.UNKNOWN, Level.AT_RISK)


@dataclass(frozen=True, slots=True)
class Safety:
    """A level with what speaks for it, the worst first."""

    level: Level
    why: tuple[str, ...]


ENDED = Safety(Level.ENDED, ("no request goes through this run any more",))
WAITING = Safety(Level.WAITING, ("the run has not begun",))
Remark = tuple[Level, str]


def safety(
    members: Sequence[Member], totals: Totals, recent: Recent, taxes: Sequence[Tax] = ()
) -> Safety:
    """Return how the clients fare, by what the processes tell."""
    serving = [one for one in members if one.status.ledger]
    if serving and all(one.life is Life.ENDED for one in serving):
        return ENDED
    if not members:
        return Safety(Level.UNKNOWN, ("no process of the run tells anything",))
    remarks = [*_processes(members), *_answers(totals, recent), *_costs(taxes)]
    if not remarks:
        return Safety(Level.SAFE, (_calm(totals, recent),))
    level = max((one for one, _ in remarks), key=_ORDER.index)
    worst_first = sorted(remarks, key=lambda one: -_ORDER.index(one[0]))
    return Safety(level, tuple(text for _, text in worst_first))


def _processes(members: Sequence[Member]) -> Iterator[Remark]:
    serving = [one for one in members if one.status.ledger]
    if serving and not any(one.life in PRESENT for one in serving):
        yield Level.AT_RISK, "no proxy is alive"
    for one in members:
        name, life = one.status.name, one.life
        if life is Life.DEAD and one.quiet < MOURNED:
            yield Level.AT_RISK if one.status.ledger else Level.WATCH, f"{name} died"
        elif life is Life.SILENT:
            level = Level.AT_RISK if one.status.ledger else Level.WATCH
            yield level, f"{name} has told nothing for {one.quiet:.0f} s"
        elif life is Life.ALIVE and one.status.error:
            yield Level.WATCH, f"{name}: {one.status.error}"
        if life is Life.ALIVE and one.status.ledger and one.status.stall >= STALL:
            yield Level.WATCH, f"{name} stood still for {one.status.stall * 1000:.0f} ms"


def answering(totals: Totals) -> tuple[str, ...]:
    """Return the sides that clients hear in the present stage."""
    stages = totals.stages or ("shadow",)
    heard = []
    if any(not stage.startswith(("flipped", "done")) for stage in stages):
        heard.append("legacy")
    if any(not stage.startswith("shadow") for stage in stages):
        heard.append("candidate")
    return tuple(heard)


def _answers(totals: Totals, recent: Recent) -> Iterator[Remark]:
    for name in answering(totals):
        side = recent.sides.get(name, SideNow())
        if not side.bad:
            continue
        share = side.bad / max(1, side.calls)
        level = Level.AT_RISK if share >= BAD_SHARE else Level.WATCH
        yield (
            level,
            (
                f"{name}, which clients hear, failed {side.bad:,} of {side.calls:,} calls "
                f"in the last {recent.seconds:.0f} s"
            ),
        )


def _costs(taxes: Sequence[Tax]) -> Iterator[Remark]:
    for one in taxes:
        if one.is_felt:
            yield (
                Level.WATCH,
                (f"mirroring costs clients at least {one.low * 1000:.2f} ms at {one.name}"),
            )


def _calm(totals: Totals, recent: Recent) -> str:
    sides = [recent.sides.get(name, SideNow()) for name in answering(totals)]
    calls = sum(side.calls for side in sides)
    if not recent.seconds or not calls:
        return "no client called in the last seconds"
    heard = " and ".join(answering(totals))
    return f"all {calls:,} calls of the last {recent.seconds:.0f} s were answered by {heard}"
