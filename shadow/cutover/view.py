"""What `mixmigrate cutover status` shows, as text and as plain data."""

import datetime
from dataclasses import dataclass
from typing import Any

import msgspec

from shadow.cutover.processes import ArmTold, Told, alive, sight
from shadow.cutover.stage import Phase, State, following, missing


@dataclass(frozen=True, slots=True)
class View:
    """A cutover at one moment, *now* in epoch seconds."""

    state: State
    processes: list[Told]
    now: float

    @property
    def current(self) -> list[Told]:
        """The processes that speak of the present stage."""
        return [one for one in self.processes if one.epoch == self.state.epoch]

    @property
    def missing(self) -> tuple[str, ...]:
        """What hinders the next stage."""
        seen = sight(self.processes, self.state.epoch, self.now)
        return missing(self.state, self.state.proof, seen, self.now)

    def arm(self, name: str) -> ArmTold:
        """Return what all processes saw of ``legacy`` or ``candidate`` in this stage."""
        arms: list[ArmTold] = [getattr(one, name) for one in self.current]
        return ArmTold(
            requests=sum(one.requests for one in arms),
            errors=sum(one.errors for one in arms),
            refusals=sum(one.refusals for one in arms),
        )

    def guards(self) -> dict[str, float]:
        """Return how near each guard is to firing, in the process where it is nearest."""
        found: dict[str, float] = {}
        for one in self.current:
            for name, near in one.guards.items():
                found[name] = max(near, found.get(name, 0.0))
        return found


def status_data(view: View) -> dict[str, Any]:
    """Return *view* as plain data."""
    state = view.state
    data: dict[str, Any] = msgspec.to_builtins(state)
    return {
        **data,
        "stage": str(state.stage),
        "percent": state.stage.percent,
        "lasted": max(0.0, view.now - state.since),
        "next": str(following(state) or ""),
        "missing": list(view.missing),
        "legacy": msgspec.to_builtins(view.arm("legacy")),
        "candidate": msgspec.to_builtins(view.arm("candidate")),
        "guards": view.guards(),
        "proxies": [msgspec.to_builtins(one) for one in alive(view.processes, view.now)],
    }


def status_text(view: View) -> str:
    """Return *view* as text for a terminal."""
    state = view.state
    lasted = datetime.timedelta(seconds=int(max(0.0, view.now - state.since)))
    lines = [
        f"{state.stage}, for {lasted} (since {_time(state.since)}), epoch {state.epoch}",
        f"  {state.what} by {state.who}" + (f": {state.why}" if state.why else ""),
        *(f"  forced, though: {one}" for one in state.forced),
    ]
    if state.proof is not None:
        proof = state.proof
        lines.append(
            f"  proof: {proof.run} {proof.verdict}, build {proof.build!r}, policy {proof.policy}"
        )
    return "\n".join([*lines, *_arms(view), *_proxies(view), *_next(view)])


def history_text(states: list[State]) -> str:
    """Return all changes, one a line, the oldest first."""
    return "\n".join(
        f"{_time(one.since)}  {one.epoch:>3}  {one.what:<11}  {one.stage!s:<8}  {one.who}"
        + (f": {one.why}" if one.why else "")
        + (f" [forced; {len(one.forced)} missing]" if one.forced else "")
        for one in states
    )


def _arms(view: View) -> list[str]:
    if view.state.stage.phase is Phase.SHADOW:
        return []
    lines = ["             answered      errors    refusals"]
    for name in ("legacy", "candidate"):
        arm = view.arm(name)
        lines.append(
            f"  {name:<10} {arm.requests:>10,}  {_share(arm.errors, arm.requests):>10}"
            f"  {_share(arm.refusals, arm.requests):>10}"
        )
    near = ", ".join(f"{name} {value:.0%}" for name, value in view.guards().items())
    return [*lines, f"  guards (100 % fires): {near}"] if near else lines


def _proxies(view: View) -> list[str]:
    living = alive(view.processes, view.now)
    if not living:
        return ["  no proxy reports to this directory"]
    lines = []
    for one in living:
        behind = "" if one.epoch == view.state.epoch else f", still at epoch {one.epoch}"
        trouble = f"; {one.error}" if one.error else ""
        lines.append(f"  {one.name} (pid {one.pid}): {one.stage}{behind}{trouble}")
    if not all(one.copied for one in living) and view.state.stage.phase is not Phase.SHADOW:
        lines.append("  legacy gets no copy of what the candidate answers (no --legacy-shadow)")
    return lines


def _next(view: View) -> list[str]:
    after = following(view.state)
    if after is None:
        return ["done: proxy and legacy may be taken away"]
    lacks = view.missing
    if not lacks:
        return [f"next: {after}; nothing is missing"]
    return [f"next: {after}; missing:", *(f"  - {one}" for one in lacks)]


def _share(count: int, total: int) -> str:
    return f"{count / total:.2%}" if total else "-"


def _time(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
