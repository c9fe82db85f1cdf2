"""The live page beside a real dual run of several processes, one of which is killed."""

import http.client
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from replay.rig import ANY_PORT
from shadow.serving import statusfiles
from tests.system.test_shadow_processes import CLIENTS, Stage, nobody_was_hurt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.alone]

POLICY = Path(__file__).parents[2] / "compare" / "policy" / "policies" / "default.toml"


def until(true: Callable[[], object], seconds: float = 40.0) -> None:
    """Wait for what takes a comparison, which on a busy machine comes last."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not come true"
        time.sleep(0.1)


class Watched(Stage):
    """A dual run with its page."""

    @property
    def page(self) -> str:
        """Where the page is."""
        told = self.told("supervisor")
        assert told is not None
        return str(told.more["live"]["address"])

    def ask(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://{self.page}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def verdict_now(self) -> Any:
        return msgspec.json.decode(self.ask("/verdict?build=build+7"))

    def metrics(self, name: str) -> dict[str, float]:
        """Return the samples of one family by their only label."""
        text = self.ask("/metrics").decode()
        samples = [one for family in parse(text) for one in family.samples]
        return {
            ",".join(one.labels.values()): one.value
            for one in samples
            if one.name == f"mixmigrate_live_{name}"
        }


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    policy = tmp_path / "policy.toml"
    text = POLICY.read_text()
    assert "late_after_seconds = 30.0" in text
    policy.write_text(text.replace("late_after_seconds = 30.0", "late_after_seconds = 0.5"))
    (tmp_path / "settings.toml").write_text(f'[shadow]\nlive_policy = "{policy}"\n')
    found = Watched(tmp_path)
    yield found
    found.close()


def test_the_page_follows_a_run_of_several_processes_through_the_death_of_one(
    watched: Watched,
) -> None:
    settings = str(watched.place / "settings.toml")
    watched.start("--config", settings, "--live", ANY_PORT, "--candidate-build", "build 7")
    until(lambda: watched.told("supervisor"))
    until(lambda: watched.verdict_now()["distinct_requests"] > 50)
    found = watched.verdict_now()
    assert (found["result"], found["matches"], found["clients"]) == ("UNDECIDED", True, "safe")
    assert "against it" not in "".join(found["reasons"])
    up = watched.metrics("process_up")
    assert up == dict.fromkeys(("proxy-0", "proxy-1", "supervisor", "tap"), 1.0)
    killed = watched.busiest()
    os.kill(watched.pid(killed), signal.SIGKILL)
    until(lambda: watched.verdict_now()["result"] == "INVALID")
    assert any("was killed" in reason for reason in watched.verdict_now()["reasons"])
    watched.end_load()
    received = sum(client.answered for client in watched.clients)
    until(lambda: watched.metrics("requests_total")["received"] >= received)
    assert watched.metrics("unexplained_requests") == {"": 0.0}
    assert watched.metrics("requests_total")["lost"] > 0
    page = watched.page
    assert f"{killed} ended with signal 9" in watched.end_shadow()
    nobody_was_hurt(watched, cut=CLIENTS)
    with pytest.raises(OSError):  # noqa: PT011  # whatever the system says of a closed port
        http.client.HTTPConnection(page, timeout=5).connect()
    assert not any(map(statusfiles.is_there, statusfiles.read_all(watched.status).statuses))
