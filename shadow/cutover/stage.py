"""Where a cutover stands, what must hold before it goes on, and what follows from each wish.

No I/O and no clock: every change gives another :class:`State`, whose epoch is larger by one.
"""

import enum
from dataclasses import dataclass

import msgspec

from shadow.cutover.limits import GuardLimits

STEPS = (1.0, 5.0, 25.0, 50.0)
HOLD_SECONDS = 600.0
LONGEST_HOLD = 30 * 86_400
"""Seconds: a month."""
HOLD_REQUESTS = 1_000
PASS = "PASS"


class StageError(Exception):
    """A change that may not be made. The text says why, and what to do."""


class Phase(enum.StrEnum):
    """The kind of a stage."""

    SHADOW = "shadow"
    """Legacy answers everybody."""
    RAMP = "ramp"
    """The candidate answers part of the people."""
    FLIPPED = "flipped"
    """The candidate answers everybody; legacy is kept ready."""
    DONE = "done"
    """As flipped, but nothing is compared any more: proxy and legacy may be taken away."""


class Stage(msgspec.Struct, frozen=True):
    """One stage, such as ``ramp 25``."""

    phase: Phase = Phase.SHADOW
    percent: float = 0.0
    """Of the people whom the candidate answers: 0 in shadow, 100 from flipped on."""

    def __str__(self) -> str:
        """Return the stage in the words of the command line."""
        return f"ramp {self.percent:g}" if self.phase is Phase.RAMP else self.phase.value


SHADOW, FLIPPED, DONE = Stage(), Stage(Phase.FLIPPED, 100.0), Stage(Phase.DONE, 100.0)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified report says: the evidence belongs to one build and one policy."""

    verdict: str
    build: str
    """The candidate's, as the run was told."""
    policy: str
    """Hash of what was compared and required."""
    run: str
    at: float
    """Epoch seconds at which the recording of the run began."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What was planned; it stays as it is for the whole cutover."""

    steps: tuple[float, ...] = STEPS
    """Per cent of the people in each step of the ramp."""
    hold_seconds: float = HOLD_SECONDS
    """How long a stage lasts at least, once the candidate answers."""
    hold_requests: int = HOLD_REQUESTS
    """Requests that the candidate answers in it at least."""
    guards: GuardLimits = GuardLimits()
    """What is borne of the candidate."""
    seed: int = 0
    """Decides who is on which side at a given percentage."""

    def __post_init__(self) -> None:
        """Refuse what is no ramp.

        :raises StageError: the steps do not rise, or are no percentages; a limit is none.
        """
        if not 0 <= self.hold_seconds <= LONGEST_HOLD:
            raise StageError(f"hold {self.hold_seconds:g}: write seconds, at most {LONGEST_HOLD:,}")
        if not self.guards.is_sound():
            raise StageError("limits of the guards: shares between 0 and 1, factors from 1 on")
        rising = all(a < b for a, b in zip(self.steps, self.steps[1:], strict=False))
        if not rising or any(not 0 < step < 100 for step in self.steps):
            shown = ",".join(f"{step:g}" for step in self.steps)
            raise StageError(f"steps {shown}: write rising percentages between 0 and 100")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages in their order."""
        ramp = (Stage(Phase.RAMP, step) for step in self.steps)
        return (SHADOW, *ramp, FLIPPED, DONE)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a cutover stands, and how it got there; what ``stage.json`` holds."""

    epoch: int = 0
    """Grows with each change; a change that expects another epoch comes too late."""
    stage: Stage = SHADOW
    since: float = 0.0
    """Epoch seconds of the change."""
    what: str = "planned"
    """``planned``, ``advanced``, ``rolled back``."""
    who: str = ""
    why: str = ""
    forced: tuple[str, ...] = ()
    """What was missing when the change was forced."""
    proof: Proof | None = None
    """Owns the stage: the build and the policy that were proven."""
    voided: float = 0.0
    """A run that was begun before this moment (epoch seconds) proves nothing any more."""
    rules: Rules = msgspec.field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Sight:
    """What the proxies tell of the present stage."""

    proxies: int = 0
    """Processes heard from of late."""
    requests: int = 0
    """Answered by the candidate in this stage."""
    tripped: tuple[str, ...] = ()
    """Guards that have fired and have not yet led to a roll-back."""


def following(state: State) -> Stage | None:
    """Return the stage after the present one, ``None`` at the end.

    A step that the rules do not name (forced) is followed by the next higher one.
    """
    higher = (one for one in state.rules.stages if _rank(one) > _rank(state.stage))
    return next(higher, None)


def missing(state: State, proof: Proof | None, sight: Sight, now: float) -> tuple[str, ...]:
    """Return what hinders the next stage, in sentences; nothing when it may begin."""
    if following(state) is None:
        return ("the cutover is done: no stage follows",)
    found = list(unfit(state, proof))
    if state.stage.phase is not Phase.SHADOW:
        found += _too_soon(state, sight, now)
    return tuple(found)


def unfit(state: State, proof: Proof | None) -> list[str]:
    """Return why *proof* does not carry the next stage; nothing when it does."""
    if proof is None:
        return ["no report was given: name one with --report, or a growing run with --run"]
    found = []
    if proof.verdict != PASS:
        found.append(f"the report on {proof.run} says {proof.verdict}, not {PASS}")
    if not proof.build:
        found.append(
            f"run {proof.run} was not told which build it saw: give `mixmigrate shadow` "
            "--candidate-build, and record again"
        )
    if proof.at < state.voided:
        found.append(
            f"run {proof.run} was begun before the last roll-back, which voided it: record again"
        )
    return found + _of_another(state, proof)


def advanced(
    state: State,
    *,
    who: str,
    why: str,
    at: float,
    proof: Proof | None,
    sight: Sight,
    to: Stage | None = None,
    forced: bool = False,
) -> State:
    """Return the state one stage on, or with *forced* at any stage.

    :raises StageError: something is missing, and the change is not forced.
    """
    target = to or following(state)
    lacks = list(missing(state, proof, sight, at))
    if target is None or (target != following(state) and _rank(target) <= _rank(state.stage)):
        raise StageError(f"{target or 'the end'} does not follow {state.stage}; see `rollback`")
    if target != following(state):
        lacks.append(f"{target} skips stages: {following(state)} follows {state.stage}")
    if lacks and not forced:
        raise StageError(f"not advanced, still {state.stage}:\n  " + "\n  ".join(lacks))
    return msgspec.structs.replace(
        state,
        epoch=state.epoch + 1,
        stage=target,
        since=at,
        what="advanced",
        who=who,
        why=why,
        forced=tuple(lacks),
        proof=proof or state.proof,
    )


def rolled_back(state: State, *, who: str, why: str, at: float) -> State:
    """Return the state in which legacy answers everybody again; possible from every stage."""
    return msgspec.structs.replace(
        state,
        epoch=state.epoch + 1,
        stage=SHADOW,
        since=at,
        what="rolled back",
        who=who,
        why=why,
        forced=(),
        proof=None,
        voided=at,
    )


def stage_of(text: str) -> Stage:
    """Return the stage that *text* names: ``shadow``, ``ramp 25``, ``25``, ``flipped``, ``done``.

    :raises StageError: it names none.
    """
    for known in (SHADOW, FLIPPED, DONE):
        if text == known.phase.value:
            return known
    try:
        percent = float(text.removeprefix("ramp").strip().removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent < 100:
        raise StageError(f"{text!r} is no stage; write a percentage such as 25, flipped or done")
    return Stage(Phase.RAMP, percent)


def _rank(stage: Stage) -> tuple[int, float]:
    return list(Phase).index(stage.phase), stage.percent


def _of_another(state: State, proof: Proof) -> list[str]:
    """Return why evidence of another build or policy cannot carry a ramp that has begun."""
    owner = state.proof
    if state.stage.phase is Phase.SHADOW or owner is None:
        return []
    return [
        f"this ramp began with {name} {ours!r}, the report is of {theirs!r}: "
        "roll back, and begin again from shadow"
        for name, ours, theirs in (
            ("build", owner.build, proof.build),
            ("policy", owner.policy, proof.policy),
        )
        if ours != theirs
    ]


def _too_soon(state: State, sight: Sight, now: float) -> list[str]:
    found, rules = [], state.rules
    lasted = now - state.since
    if lasted < rules.hold_seconds:
        found.append(f"{state.stage} has lasted {lasted:,.0f} s of {rules.hold_seconds:,.0f} s")
    if sight.requests < rules.hold_requests:
        found.append(
            f"the candidate has answered {sight.requests:,} of {rules.hold_requests:,} requests "
            f"in {state.stage}"
        )
    if not sight.proxies:
        found.append("no proxy reports to this directory: is one running with --cutover?")
    return found + [f"guard {name} has fired" for name in sight.tripped]
