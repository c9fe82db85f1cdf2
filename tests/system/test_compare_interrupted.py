"""Ctrl-C in the middle of a comparison by two processes."""

import os
import signal
import subprocess
import time
from pathlib import Path

from compare.testing import dual_run
from pyingest.message import Request
from replay.rig import COMMAND

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
INTERRUPTED = 130


def request(number: int) -> Request:
    body = b'data={"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d,"time":5,}}' % (
        number % 700,
        number,
    )
    return Request(b"POST", b"/track", FORM, body)


def workplaces(run: Path) -> list[Path]:
    return list(run.glob(".compare-*"))


def test_an_interrupted_comparison_leaves_nothing_behind(tmp_path: Path) -> None:
    run = tmp_path / "run"
    dual_run(run, [request(number) for number in range(4000)])
    words = [*COMMAND, "compare", str(run), "--engine", "local:2"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 30
    while not any(list(place.iterdir()) for place in workplaces(run)):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    said, complaint = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in said + complaint
    assert workplaces(run) == []
