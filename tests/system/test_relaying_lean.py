"""The lean event loop carries the same traffic: what is true of relaying is true on it as well."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TESTS = ("test_relaying.py", "test_relaying_chaos.py", "test_pool.py")
ON_THE_LEAN_LOOP = """
import sys
from pyingest.lean import install
install()
import pytest
from twisted.internet import reactor
assert type(reactor).__name__ == "LeanReactor"
raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_relaying_is_the_same_on_the_lean_loop() -> None:
    files = [str(ROOT / "tests" / "shadow" / "relaying" / name) for name in TESTS]
    done = subprocess.run(
        [sys.executable, "-c", ON_THE_LEAN_LOOP, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
