"""What is broken is said in words, and never passes."""

import subprocess

from pyingest.message import Response
from replay.rig import COMMAND
from shadow.exchange import Answered, Side

ANSWER = Answered(Response(200, b"OK", (), b"1"), 0.001)
TAPS = {side.value: {"attached": True, "read": 1, "backlog": 0, "error": ""} for side in Side}


def mixmigrate(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done
