"""What `mixmigrate run prune` would delete, and deleting it."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow.recording import RunReader
from shadow.runs.amounts import size_text, span_text
from shadow.runs.listing import runs_in, seen
from shadow.runs.manifest import RecordingError
from shadow.runs.retention import Keep, prune, unneeded
from shadow.runs.run import Run


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be deleted of one run."""

    run: Path
    names: tuple[str, ...]
    """Its parts that go; none if it goes as a whole."""
    size: int
    """Bytes that are got back."""
    requests: int
    events: int
    is_whole: bool
    age: float
    """Seconds since the end of what is deleted last."""
    keep: Keep

    def lines(self, dry_run: bool) -> Iterator[str]:
        """Yield what to say of it."""
        verb = "would delete" if dry_run else "deleting"
        held = f"{self.requests:,} requests, {self.events:,} events, {size_text(self.size)}"
        what = f"{self.run}" if self.is_whole else f"{len(self.names)} parts of {self.run}"
        yield f"{verb} {what}: {held}; ended {span_text(self.age)} ago"
        yield from (f"  {name}" for name in self.names)

    def carry_out(self) -> None:
        """Delete it.

        :raises RecordingError: that cannot be done.
        """
        if not self.is_whole:
            prune(Run.open(self.run), self.keep, time.time())
            return
        try:
            shutil.rmtree(self.run)
        except OSError as error:
            raise RecordingError(f"{self.run}: cannot be deleted: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: getattr(self, name) for name in ("size", "requests", "events")}
        return {"run": str(self.run), "whole": self.is_whole, "parts": list(self.names), **told}


def parts_of(run: Path, keep_bytes: int | None, keep_age: float | None) -> Plan:
    """Return which parts of *run* are more than is to be kept.

    :raises RecordingError: it is no run of parts.
    """
    keep, now = Keep(keep_bytes or 0, keep_age or 0.0), time.time()
    Run.open(run)
    chosen = unneeded([part.manifest for part in RunReader(run).parts], keep, now)
    return Plan(
        run=run,
        names=tuple(part.name for part in chosen),
        size=sum(part.size for part in chosen),
        requests=sum(sum(part.exchanges) for part in chosen),
        events=sum(sum(part.events) for part in chosen),
        is_whole=False,
        age=now - max((part.ended for part in chosen), default=now),
        keep=keep,
    )


def whole(directories: Iterable[Path], older_than: float | None) -> list[Plan]:
    """Return the runs that are to be deleted as a whole: all of them, or those of a certain age.

    :param older_than: seconds since a run's end; with it, runs beneath the directories, too.
    :raises RecordingError: one is no run, or is being recorded.
    """
    plans: list[Plan] = []
    now = time.time()
    for directory in directories:
        if older_than is None:
            plans.append(_whole(directory, now))
            continue
        for path in runs_in(directory):
            with suppress(RecordingError):  # what is no run, or at work, is none of the old ones
                plan = _whole(path, now)
                if plan.age > older_than:
                    plans.append(plan)
    return plans


def _whole(run: Path, now: float) -> Plan:
    told = seen(run)
    if told.state == "live":
        raise RecordingError(f"{run}: is being recorded; end that first")
    counts = (told.size, told.requests, told.events)
    return Plan(run, (), *counts, is_whole=True, age=now - told.ended, keep=Keep())
