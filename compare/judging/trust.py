"""`[validity]` of the policy: whether the measurement itself was good enough to judge by.

Each check looks at something that the run may or may not tell. What it does not tell is noted,
never assumed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compare.policy.policy import Policy
from compare.stages.tally import Summary
from shadow.runs.manifest import Manifest

CALIBRATED = 2_995
"""Requests after which a field that never differed does so in less than 0.1 %, at 95 %."""
_CLOSED = re.compile(r"\s*(load:\s*)?closed[- ]loop\b|\s*load:\s*closed\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """How the traffic was made, as far as the run tells."""

    mode: str = ""
    """``open``, ``closed``, ``live``; empty: not told."""
    lag_p99_ms: float | None = None
    """How late requests were sent, at the 99th percentile."""
    planned: int | None = None
    dropped: int | None = None
    """Planned requests that were not sent."""


@dataclass(frozen=True, slots=True)
class Check:
    """One bound of the policy, and what the run shows of it."""

    name: str
    """What is measured, in the plural: ``late events``."""
    seen: float | None
    limit: float
    unit: str = ""
    """``ms``; empty for a share."""

    @property
    def flaw(self) -> str:
        """Why the run cannot be trusted; empty when it can, or does not tell."""
        if self.seen is None or self.seen <= self.limit:
            return ""
        return f"{self.name}: {self._written(self.seen)}, {self._written(self.limit)} allowed"

    def _written(self, value: float) -> str:
        return f"{value:g} {self.unit}" if self.unit else f"{value * 100:.3g} %"


def load_of(manifest: Manifest) -> Load:
    """Return how the traffic was made: from the manifest's ``load``, or from a note of it."""
    told: object = getattr(manifest, "load", None)
    if isinstance(told, str):
        return Load(mode=told)
    if isinstance(told, Mapping) and told:
        return Load(
            mode=str(told.get("mode", "")),
            lag_p99_ms=_number(told.get("lag_p99_ms")),
            planned=_whole(told.get("planned")),
            dropped=_whole(told.get("dropped")),
        )
    closed = any(_CLOSED.match(note) for note in manifest.notes)
    return Load(mode="closed" if closed else "")


def is_closed(manifest: Manifest) -> bool:
    """Say whether a closed loop made the load, so that the workers set the latency."""
    return load_of(manifest).mode == "closed"


def checks(summary: Summary, manifest: Manifest, policy: Policy) -> list[Check]:
    """Return the bounds of ``[validity]`` with what the run shows of each."""
    asked, load, units = policy.validity, load_of(manifest), summary.units
    tried = units.distinct + units.set_aside
    erring = units.legacy_errors + units.set_aside
    return [
        Check("late events", _share(summary.late, summary.events.legacy), asked.max_late_share),
        Check("lag of the load, p99", load.lag_p99_ms, asked.max_lag_ms, "ms"),
        Check("requests not sent", _share(load.dropped, load.planned), asked.max_dropped_share),
        Check("requests that legacy failed", _share(erring, tried), asked.max_legacy_error_share),
    ]


def distrust(summary: Summary, manifest: Manifest, policy: Policy) -> Iterator[str]:
    """Yield which bounds of ``[validity]`` the run breaks."""
    yield from (check.flaw for check in checks(summary, manifest, policy) if check.flaw)
    known = policy.noise.calibrated_requests
    if policy.validity.require_calibration and known < CALIBRATED:
        yield (
            f"legacy was compared with itself by {known:,} requests, the policy requires "
            f"{CALIBRATED:,}: calibrate, and write calibrated_requests into [noise]"
        )


def untold(summary: Summary, manifest: Manifest, policy: Policy) -> Iterator[str]:
    """Yield which bounds could not be checked, since the run does not tell."""
    missing = [one.name for one in checks(summary, manifest, policy) if one.seen is None]
    if missing:
        yield f"not told by the run, hence not checked: {', '.join(missing)}"


def _share(count: int | None, total: int | None) -> float | None:
    if count is None or total is None:
        return None
    return count / total if total else 0.0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
