"""Flipped, with several proxies: copies to legacy's shadow, then a candidate that dies."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.legacy import Absent
from tests.system.migration import Migration, until
from tests.system.test_migration import POLICY

pytestmark = pytest.mark.alone

RATE = 300
ENOUGH = 1_200


@pytest.fixture
def migration(tmp_path: Path) -> Iterator[Migration]:
    """Return a migration from the stand-in, with two proxy processes; at once flipped."""
    found = Migration(tmp_path, Absent("this test does without"), shadowed=True, workers=2)
    found.plan()
    found.say("advance", "--to", "flipped", "--force", "a test")
    yield found
    found.kill()


def owned(migration: Migration) -> int:
    return int(migration.status()["candidate"]["requests"])


def test_what_the_candidate_answers_is_compared_with_legacys_shadow(
    migration: Migration, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    proxy = migration.proxy("1.0")
    clients = migration.send(proxy.address, RATE)
    until(lambda: owned(migration) >= ENOUGH, "enough requests", 40)
    clients.stop()
    proxy.stop()
    assert migration.compare(migration.runs[0], policy) == "PASS"
    assert set(migration.production_events().values()) == {1}


def test_a_candidate_that_dies_is_left_by_all_proxies_and_nothing_is_lost(
    migration: Migration, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = migration.proxy("1.0")
    clients = migration.send(proxy.address, RATE)
    until(lambda: owned(migration) > 100, "the candidate answers")
    os.kill(migration.live.pid, signal.SIGKILL)
    delay = until(lambda: migration.stage() == "shadow", "the roll-back")
    time.sleep(1.0)
    told = migration.status()
    clients.stop()
    proxy.stop()
    lies, stored = migration.production_events(), clients.stored()
    others = {name: one for name, one in clients.answers.items() if one != "200 1"}
    with capsys.disabled():
        print(
            f"\nrolled back {delay:.2f} s after the candidate was killed ({told['why']}): "
            f"{len(clients.answers):,} sent, {len(stored):,} answered 1, {len(others)} not"
        )
    assert "gave no answer" in told["why"]
    assert {one["stage"] for one in told["proxies"]} == {"shadow"}
    assert len(told["proxies"]) == 2
    assert set(lies.values()) == {1}
    assert stored <= lies.keys()
    # What was under way when it died may be stored or not: it is not sent again.
    assert set(others.values()) <= {"502"}
    assert len(others) <= 32
