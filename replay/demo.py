"""The whole story on this machine: a straightforward port fails, the finished one passes.

Every part runs as it would in earnest, as a process of its own, through the commands that a
user would type; the demo only starts them in order and tells what it does.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from replay.corpus import write_corpus
from replay.legacy import Absent, Erlang, LegacyError, find_erlang
from replay.processes import ProcessError
from replay.rig import COMMAND, Rig, RigOptions

STRICT_REQUESTS = 6_000
VERDICTS = {0: "PASS", 1: "FAIL", 3: "UNDECIDED", 4: "INVALID"}
Say = Callable[[str], None]


class DemoError(Exception):
    """The demo cannot go on. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo is asked for."""

    out: Path
    requests: int
    """Requests of the second act; the first takes at most 6 000 of the same traffic."""
    legacy: str
    """``auto``, ``erlang`` or ``standin``."""
    rate: float
    """Requests a second."""
    seed: int


@dataclass(frozen=True, slots=True)
class Act:
    """One dual run with its verdict."""

    profile: str
    directory: Path
    verdict: str
    """``PASS``, ``FAIL``, ``UNDECIDED`` or ``INVALID``."""
    status: int
    """Exit status of ``compare`` for this verdict."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What both acts share."""

    options: DemoOptions
    erlang: Erlang | Absent
    corpus: Path
    say: Say


def run_demo(options: DemoOptions, say: Say) -> tuple[Act, Act]:
    """Run both acts; return the strict port's and the finished one's.

    :raises DemoError: a part did not start, or the output directory is somebody else's.
    """
    for profile in ("strict", "mochiweb"):
        _make_room(options.out / profile)
    with tempfile.TemporaryDirectory(prefix="mixmigrate-demo-") as scratch:
        try:
            stage = _set_stage(options, Path(scratch), say)
            first = min(STRICT_REQUESTS, options.requests)
            say(f"\nAct 1 of 2: a straightforward Python port (profile strict), {first:,} requests")
            strict = _act(stage, Path(scratch), "strict", first)
            say(
                f"\nAct 2 of 2: the finished port (profile mochiweb), {options.requests:,} requests"
            )
            return strict, _act(stage, Path(scratch), "mochiweb", options.requests)
        except (ProcessError, LegacyError, OSError) as error:
            raise DemoError(str(error)) from error


def _set_stage(options: DemoOptions, scratch: Path, say: Say) -> Stage:
    erlang = _choose_legacy(options.legacy)
    match erlang:
        case Erlang():
            say("legacy: the Erlang server of legacy/, on MochiWeb")
        case Absent(why):
            say(f"legacy: THE STAND-IN (pyingest in another process), because {why}")
    started = time.monotonic()
    corpus = scratch / "access.jsonl"
    write_corpus(corpus, options.requests, options.seed)
    seconds = time.monotonic() - started
    say(f"access log: {options.requests:,} requests of seed {options.seed}, in {seconds:.1f} s")
    return Stage(options, erlang, corpus, say)


def _choose_legacy(wanted: str) -> Erlang | Absent:
    found = Absent("it was asked for") if wanted == "standin" else find_erlang()
    if wanted == "erlang" and isinstance(found, Absent):
        raise LegacyError(f"--legacy erlang: {found.why}")
    return found


def _make_room(directory: Path) -> None:
    """Remove an earlier demo's run; anything else is left alone."""
    if (directory / "manifest.json").exists():
        shutil.rmtree(directory)
    elif directory.exists() and any(directory.iterdir()):
        raise DemoError(f"{directory}: not empty, and no earlier demo's; use another --out")


def _act(stage: Stage, scratch: Path, profile: str, requests: int) -> Act:
    directory = stage.options.out / profile
    work = scratch / profile
    work.mkdir()
    with Rig(RigOptions(work, directory, stage.erlang, profile)) as rig:
        _replay(stage, rig.url, requests)
        rig.stop()
    stage.say("comparing")
    compare = [*COMMAND, "compare", str(directory), "--policy", "demo"]
    status = subprocess.run(compare, check=False).returncode
    if status not in VERDICTS:
        raise DemoError(f"compare ended with status {status}; see above")
    return Act(profile, directory, VERDICTS[status], status)


def _replay(stage: Stage, url: str, requests: int) -> None:
    command = [*COMMAND, "replay", str(stage.corpus), "--to", url]
    command += ["--mode", "open", "--rate", str(stage.options.rate), "--limit", str(requests)]
    if subprocess.run(command, check=False).returncode:
        raise DemoError("the replay did not end well; see above")
