"""A migration from the first copy to the last, with clients that never notice and lose nothing."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.legacy import Erlang
from replay.processes import ServerProcess
from tests.system.migration import STEPS, Migration, until
from tests.system.steady import Clients

pytestmark = pytest.mark.alone

RATE = 500
ENOUGH = 1_100
"""Requests in shadow, for a PASS of this small sample: 903 clean ones."""
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
late_after_seconds = 1.0
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


@dataclass
class Operator:
    """Who moves the clients from one proxy to the next, and judges what each recorded."""

    migration: Migration
    policy: Path
    clients: Clients
    proxy: ServerProcess

    def renew(self, build: str) -> None:
        """Begin another run on the same address; who finds it closed for a moment comes again."""
        address = self.proxy.address
        self.proxy.stop()
        self.proxy = self.migration.proxy(build, address)

    def record(self) -> None:
        """Wait until there is enough for a PASS."""
        answers = self.clients.answers
        enough = len(answers) + ENOUGH
        until(lambda: len(answers) >= enough, "enough requests")

    def proof(self) -> tuple[str, str]:
        """Record, end the run, and judge it; return the words for that."""
        self.record()
        run = self.migration.runs[-1]
        self.renew("1.0")
        assert self.migration.compare(run, self.policy) == "PASS"
        return "--report", str(run)

    def proof_so_far(self) -> tuple[str, ...]:
        """Record; return the words for judging the run while it goes on."""
        self.record()
        return "--run", str(self.migration.runs[-1]), "--policy", str(self.policy)

    def break_candidate(self) -> float:
        """Deploy a bad build; return the seconds until legacy answers everybody again."""
        self.migration.configure(BUG)
        os.kill(self.migration.live.pid, signal.SIGHUP)
        return until(lambda: self.migration.stage() == "shadow", "the roll-back")

    def mend_candidate(self) -> None:
        """Deploy a good build."""
        self.migration.configure("")
        os.kill(self.migration.live.pid, signal.SIGHUP)

    def advance(self, times: int) -> list[str]:
        """Go on as soon as nothing is missing, so many times; return the stages."""
        return [self.migration.advance() for _ in range(times)]


@pytest.fixture
def operator(migration: Migration, tmp_path: Path) -> Operator:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    code, plan = migration.plan("--steps", STEPS, "--hold", "1", "--requests", "5")
    assert "candidate-live writes to legacy's queue" in plan
    assert code == 0, plan
    proxy = migration.proxy("1.0")
    return Operator(migration, policy, migration.send(proxy.address, RATE), proxy)


def test_a_migration_with_a_bug_on_the_way_loses_nothing(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    migration = operator.migration
    first = operator.proof()
    assert migration.advance(*first) == "ramp 1"
    assert operator.advance(2) == ["ramp 5", "ramp 25"]
    until(lambda: migration.status()["candidate"]["requests"] > 50, "the candidate answers")

    delay = operator.break_candidate()
    back = migration.status()
    assert (back["what"], "errors" in back["why"]) == ("rolled back", True)
    assert json.loads(migration.say("status", "--json")[1])["why"] == back["why"]
    code, said = migration.say("advance", *first)
    assert (code, "before the last roll-back" in said) == (2, True)

    operator.mend_candidate()
    operator.renew("1.1")
    assert migration.advance_soon(*operator.proof_so_far()) == "ramp 1"
    watch = migration.watch(migration.runs[-1], operator.policy)
    assert operator.advance(5) == ["ramp 5", "ramp 25", "ramp 50", "flipped", "done"]
    assert watch.wait(60) == 0, "what grew without a difference leads nowhere"
    operator.clients.stop()
    operator.proxy.stop()

    with capsys.disabled():
        print(f"\nrolled back {delay:.2f} s after the bad build came: {back['why']}")
        print(counted(migration, operator.clients))
    assert migration.compare(migration.runs[-1], operator.policy).split()[0] in (
        "PASS",
        "UNDECIDED",
    )


def counted(migration: Migration, clients: Clients) -> str:
    """Take the production queue apart: each event that was answered ``1`` lies there once.

    Returns the counts in words.
    """
    lies, stored = migration.production_events(), clients.stored()
    others = Counter(answer for answer in clients.answers.values() if answer != "200 1")
    told = (
        f"{len(clients.answers):,} sent, {len(stored):,} answered 1, other answers {dict(others)}; "
        f"{sum(lies.values()):,} on the production queue, "
        f"{sum(count > 1 for count in lies.values())} twice, {len(stored - lies.keys())} lost"
    )
    assert set(lies.values()) == {1}, told
    assert stored <= lies.keys(), told
    assert all(answer.startswith("503") for answer in others), told
    return told
