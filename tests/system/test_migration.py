"""A migration from the first copy to the last, with clients that never notice and lose nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.legacy import Erlang
from tests.system.migration import STEPS, Migration, until
from tests.system.steady import Clients

RATE = 500
POLICY = """
name = "small sample"
relaxed = ["a test: a few thousand requests must do"]

[[gate.rate]]
name = "queue-agreement"
counts = "queue"
target = 0.995

[[gate.rate]]
name = "response-agreement"
counts = "response"
target = 0.995

[[veto]]
kinds = ["missing", "duplicate_lost", "truncated"]
min_count = 1

[coverage]
min_distinct_requests = 1
per_endpoint = 1
per_dialect = 1
max_unseen = 1.0

[validity]
late_after_seconds = 30.0
max_late_share = 0.01
max_legacy_error_share = 0.01
require_calibration = false

[noise]
server_time_seconds = 2.0
"""
BUG = "[tokens]\nrate = 1.0\nburst = 1\n"
"""A build that was given a limit which nobody meant: it answers 503 to most."""


@pytest.fixture
def migration(tmp_path: Path, erlang: Erlang) -> Iterator[Migration]:
    found = Migration(tmp_path, erlang)
    yield found
    found.kill()


def test_a_migration_with_a_bug_on_the_way_loses_nothing(
    migration: Migration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    code, plan = migration.plan("--steps", STEPS, "--hold", "1", "--requests", "5")
    assert "candidate-live writes to legacy's queue" in plan
    assert code == 1, "a plan without a report is not ready"

    first = migration.proxy("1.0")
    clients = Clients(first.address, RATE)
    time.sleep(4.0)
    second = migration.proxy("1.0")
    clients.address = second.address
    first.stop()
    assert migration.compare(migration.runs[0], policy) == "PASS"
    report = ("--report", str(migration.runs[0]))
    assert [migration.advance(*report), *(migration.advance() for _ in "ab")] == [
        "ramp 1",
        "ramp 5",
        "ramp 25",
    ]
    until(lambda: migration.status()["candidate"]["requests"] > 50, "the candidate answers")

    migration.configure(BUG)
    os.kill(migration.live.pid, signal.SIGHUP)
    delay = until(lambda: migration.stage() == "shadow", "the roll-back")
    back = migration.status()
    assert back["what"] == "rolled back"
    assert "errors" in back["why"]

    migration.configure("")
    os.kill(migration.live.pid, signal.SIGHUP)
    third = migration.proxy("1.1")
    clients.address = third.address
    second.stop()
    code, said = migration.say("advance", *report)
    assert (code, "before the last roll-back" in said) == (2, True)
    time.sleep(3.0)
    fourth = migration.proxy("1.1")
    clients.address = fourth.address
    third.stop()
    assert migration.compare(migration.runs[2], policy) == "PASS"
    stages = [migration.advance("--report", str(migration.runs[2]))]
    stages += [migration.advance() for _ in range(5)]
    assert stages == ["ramp 1", "ramp 5", "ramp 25", "ramp 50", "flipped", "done"]
    time.sleep(1.0)
    clients.stop()
    fourth.stop()

    lies, stored = migration.production_events(), clients.stored()
    owned = sum(one["candidate"]["requests"] for one in [back])
    others = {answer for answer in clients.answers.values() if answer != "200 1"}
    with capsys.disabled():
        print(
            f"\n{len(clients.answers):,} sent, {len(stored):,} answered 1, "
            f"{sum(lies.values()):,} on the production queue, "
            f"{sum(count > 1 for count in lies.values())} twice, "
            f"{len(stored - lies.keys())} lost; roll-back {delay:.2f} s after SIGHUP; "
            f"other answers {sorted(others)}, {owned}"
        )
    assert all(count == 1 for count in lies.values())
    assert stored <= lies.keys()
    assert others <= {"503 0", "503"}
    assert migration.compare(migration.runs[3], policy).split()[0] in ("PASS", "UNDECIDED")
