"""Real processes on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.legacy import Absent, Erlang, find_erlang
from replay.rig import Rig, RigOptions

Stack = Callable[..., Rig]


@pytest.fixture(scope="session")
def erlang() -> Erlang:
    """Return the Erlang of this machine, or skip and say what is missing."""
    found = find_erlang()
    if isinstance(found, Absent):
        pytest.skip(found.why)
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Start dual runs (see ``Rig``); whatever still runs at the end is killed."""
    rigs: list[Rig] = []

    def start(
        profile: str = "mochiweb",
        legacy: Erlang | Absent | None = None,
        separate_queue: bool = False,
    ) -> Rig:
        work = tmp_path / f"work-{len(rigs)}"
        work.mkdir()
        run = tmp_path / f"run-{len(rigs)}"
        side = legacy or Absent("this test does without")
        rigs.append(Rig(RigOptions(work, run, side, profile, separate_queue)))
        return rigs[-1]

    yield start
    for rig in rigs:
        rig.kill()
