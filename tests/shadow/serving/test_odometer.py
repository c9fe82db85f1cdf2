"""A count that outlives its process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shadow.ledger import Ledger
from shadow.serving.odometer import KeptLedger, Odometer, last_value

COUNTING = """
import os, signal, sys
from pathlib import Path
from shadow.serving.odometer import KeptLedger, Odometer

ledger = KeptLedger(Odometer(Path(sys.argv[1])))
for _ in range(123_457):
    ledger.received += 1
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_its_count_exactly(tmp_path: Path) -> None:
    path = tmp_path / "proxy-0.received"
    where = os.pathsep.join([*sys.path, str(Path.cwd())])
    environment = {**os.environ, "PYTHONPATH": where}
    child = subprocess.run(
        [sys.executable, "-c", COUNTING, str(path)], env=environment, check=False
    )
    assert child.returncode == -signal.SIGKILL
    assert last_value(path) == 123_457


def test_a_ledger_that_is_kept_is_a_ledger(tmp_path: Path) -> None:
    kept, plain = KeptLedger(Odometer(tmp_path / "x")), Ledger()
    for ledger in (kept, plain):
        ledger.received += 3
        ledger.filtered += 1
        ledger.mirrored += 2
    assert kept.to_dict() == plain.to_dict()
    assert (kept.remainder, kept.received) == (0, 3)


def test_without_a_place_for_its_file_it_counts_all_the_same(tmp_path: Path) -> None:
    ledger = KeptLedger(Odometer(tmp_path / "nowhere" / "x"))
    ledger.received += 1
    assert ledger.received == 1
    assert last_value(tmp_path / "nowhere" / "x") is None


def test_it_begins_at_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x"
    Odometer(path).value = 7
    assert Odometer(path).value == 0


def test_a_file_that_is_no_count_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"123")
    assert last_value(tmp_path / "x") is None
