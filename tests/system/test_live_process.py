"""`mixmigrate live` as a process: it begins before its run, ends in order, and leaves nothing."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compare.live.testing import GrowingRun, requests
from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what *condition* gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def live(tmp_path: Path) -> Iterator[ServerProcess]:
    words = ["live", str(tmp_path / "run"), "--listen", ANY_PORT]
    os.environ["TMPDIR"] = str(tmp_path / "work")
    (tmp_path / "work").mkdir()
    try:
        process = ServerProcess([*COMMAND, *words], tmp_path / "live.log")
    finally:
        del os.environ["TMPDIR"]
    yield process
    process.kill()


def verdict(live: ServerProcess) -> Any:
    with closing(http.client.HTTPConnection(live.address, timeout=10)) as connection:
        connection.request("GET", "/verdict")
        return json.loads(connection.getresponse().read())


def test_it_waits_for_its_run_judges_it_and_ends_in_order(
    live: ServerProcess, tmp_path: Path
) -> None:
    assert until(lambda: verdict(live)["looked_at"])
    assert verdict(live)["phase"] == "waiting"
    run = GrowingRun(tmp_path / "run")
    for request in requests(60, odd=2):
        run.add(request)
    run.close()
    found = until(lambda: verdict(live)["final"] and verdict(live))
    assert (found["result"], found["phase"], found["build"]) == ("FAIL", "ended", "candidate 2")
    (judge,) = children(live.pid)
    live.stop()
    assert not is_there(judge)
    assert list((tmp_path / "work").iterdir()) == []


def test_it_writes_nothing_into_the_run(live: ServerProcess, tmp_path: Path) -> None:
    run = GrowingRun(tmp_path / "run")
    for request in requests(60, odd=2):
        run.add(request)
    run.close()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    until(lambda: verdict(live)["final"])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before


def test_its_judge_does_not_outlive_it(live: ServerProcess, tmp_path: Path) -> None:
    (judge,) = until(lambda: children(live.pid))
    until(lambda: verdict(live)["looked_at"])
    os.kill(live.pid, signal.SIGKILL)
    until(lambda: not is_there(judge))
    assert list((tmp_path / "work").iterdir()) == []


def test_it_ends_in_order_with_whoever_started_it(tmp_path: Path) -> None:
    words = ["live", str(tmp_path / "run"), "--listen", ANY_PORT, "--until-input-ends"]
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready live ")
        (judge,) = until(lambda: children(process.pid))
        process.stdin.close()
        assert process.wait(20) == 0
    assert not is_there(judge)
