"""Several processes record; all are stopped, killed, and gone on with; nothing is glossed over."""

import http.client
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from replay.processes import ProcessError, ServerProcess
from replay.rig import ANY_PORT, COMMAND, Servers, ingest, kestrel
from shadow.recording import RunReader
from shadow.serving import statusfiles

pytestmark = pytest.mark.alone

UNDECIDED, INVALID = 3, 4
QUEUES = "events,profiles"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": "sid=topsecret"}
MAIL = "someone.private@example.test"
SOON = 15.0


class Stage:
    """Queues and both services; dual runs in front of them, one after the other."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.run = place / "run"
        self.asked = 0
        self._servers = Servers(place)
        serve = self._servers.serve
        self._queue = serve("queue", *kestrel(place / "queue"))
        self.legacy_queue = f"kestrel://{self._queue.address}/{QUEUES}"
        self.other_queue = f"sqlite:{place}/candidate.db#{QUEUES}"
        legacy = serve("ingest", *ingest("mochiweb", self.legacy_queue), log="legacy")
        candidate = serve("ingest", *ingest("mochiweb", self.other_queue), log="candidate")
        self.legacy, self.candidate = f"http://{legacy.address}", f"http://{candidate.address}"

    def record(self, *words: str) -> ServerProcess:
        """Start a dual run."""
        return self._servers.serve(
            "shadow",
            *("--listen", ANY_PORT, "--run", str(self.run), "--workers", "2"),
            *("--legacy", self.legacy, "--legacy-queue", self.legacy_queue),
            *("--candidate", self.candidate, "--candidate-queue", self.other_queue),
            *("--redact", "properties.$email"),
            *words,
        )

    def ask(self, shadow: ServerProcess, count: int) -> None:
        """Send events, each on a connection of its own."""
        host, _, port = shadow.address.rpartition(":")
        for _ in range(count):
            self.asked += 1
            properties = {"token": "T", "distinct_id": f"p{self.asked}", "$email": MAIL}
            body = json.dumps({"event": "bought", "properties": properties})
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("POST", "/track", "data=" + body, FORM)
            assert connection.getresponse().read() == b"1"
            connection.close()

    def kill(self, shadow: ServerProcess) -> None:
        """Kill the supervisor and all its processes."""
        others = [one.pid for one in statusfiles.read_all(self.run / "status").statuses]
        shadow.kill()
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + SOON
        while any(map(statusfiles.is_there, statusfiles.read_all(self.run / "status").statuses)):
            assert time.monotonic() < until
            time.sleep(0.05)

    def called(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def told(self) -> dict[str, int]:
        """Return the ledger that the processes tell, of all lives."""
        found = json.loads(self.called("status", str(self.run), "--json").stdout)["ledger"]
        return {name: int(count) for name, count in found.items()}

    def metrics(self, family: str) -> dict[str, float]:
        """Return the ledger as the live page tells it to machines, by bucket."""
        supervisor = statusfiles.read(self.run / "status", "supervisor")
        assert supervisor is not None
        url = f"http://{supervisor.more['live']['address']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            families = parse(answer.read().decode())
        samples = [sample for found in families for sample in found.samples]
        name = f"mixmigrate_live_{family}"
        return {one.labels["bucket"]: one.value for one in samples if one.name == name}

    def page_shows(self, received: int) -> dict[str, float]:
        """Wait until the live page knows what became of so many, and return its ledger."""
        until = time.monotonic() + SOON
        wanted = {"received": received, "pending": 0, "remainder": 0}
        while not wanted.items() <= (found := self.metrics("ledger_requests")).items():
            assert time.monotonic() < until, found
            time.sleep(0.1)
        return found

    def verdict(self) -> int:
        return self.called("compare", str(self.run), "--out", str(self.place / "out")).returncode

    def close(self) -> None:
        """End whatever is left."""
        self._servers.kill()
        for status in statusfiles.read_all(self.run / "status").statuses:
            if statusfiles.is_there(status):
                with suppress(ProcessLookupError):
                    os.kill(status.pid, signal.SIGKILL)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.close()


def test_a_recording_is_stopped_killed_and_gone_on_with(stage: Stage) -> None:
    first = stage.record()
    stage.ask(first, 30)
    first.stop()
    assert stage.called("run", "verify", str(stage.run)).returncode == 0
    assert stage.verdict() == UNDECIDED
    with pytest.raises(ProcessError, match="--resume"):
        stage.record()
    with pytest.raises(ProcessError, match="other redaction"):
        stage.record("--resume", "--redact", "more")
    second = stage.record("--resume", "--live", ANY_PORT)
    stage.ask(second, 30)
    time.sleep(2.5)  # all of it is flushed
    stage.ask(second, 5)
    stage.page_shows(stage.asked)
    counted = stage.metrics("requests_total")
    stage.kill(second)
    third = stage.record("--resume", "--live", ANY_PORT)
    stage.ask(third, 30)
    shown = stage.page_shows(stage.asked)
    counted_now = stage.metrics("requests_total")
    third.stop()
    run = RunReader(stage.run)
    ledger = run.manifest.ledger
    assert (ledger["received"], ledger["remainder"], ledger["pending"]) == (stage.asked, 0, 0)
    assert ledger["received"] - ledger["lost"] == sum(run.manifest.exchanges)
    assert ledger["lost"] <= 5
    # The live page, what the processes tell, and the last word say what the run says.
    assert shown == stage.told() == ledger
    last = json.loads((stage.place / "shadow.log").read_text().splitlines()[-1])
    assert last["event"] == "stopped"
    assert last["ledger"] == {name: ledger[name] for name in last["ledger"]}
    assert last["ledger"]["received"] == stage.asked
    # Counters never shrink, though it was found out that what they counted is lost.
    assert all(counted_now[name] >= count for name, count in counted.items())
    assert run.manifest.state == "killed"
    assert stage.verdict() == INVALID
    found = stage.called("run", "verify", str(stage.run))
    assert found.returncode == 1
    assert "its writer was killed" in found.stdout


def test_no_file_of_a_run_holds_what_was_to_be_hidden(stage: Stage) -> None:
    shadow = stage.record()
    stage.ask(shadow, 20)
    time.sleep(1.5)
    stage.kill(shadow)  # so that the tap's journal stays, too
    written = {path: path.read_bytes() for path in stage.run.rglob("*") if path.is_file()}
    assert any(path.parent.name == "tap" for path in written)
    run = RunReader(stage.run)
    requests = [one.request for one in run.arrivals()]
    events = [one.body for number in run.partitions for one in run.events(number)]
    assert requests
    assert events
    hidden = [*written.values(), *events, *(one.body for one in requests)]
    hidden += [value for one in requests for _, value in one.headers]
    for text in hidden:
        assert MAIL.encode() not in text
        assert b"topsecret" not in text
    assert all(b"redacted:" in body for body in events)
