"""The live page in a real Chromium, during a run that grows: what an operator sees and can do.

One visit, in which everything is looked at; each test is about one thing that was seen. Pictures
are left in the directory that the tests are given, for people to look at.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compare.live.testing import FORM, GrowingRun, proxy_status, tap_status
from pyingest.message import Request
from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND
from shadow.serving.statusfiles import DIRECTORY
from shadow.status import ControlArm
from tests.clients.conftest import package
from tests.clients.ingestion import without_proxies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

DRIVER = Path(__file__).parent / "drivers" / "live-page.js"
POLICIES = Path(__file__).parents[2] / "compare" / "policy" / "policies"
TOKEN = "not-to-be-guessed"
HOSTILE = b"<img src=x onerror=alert(1)><b>bold</b>"
"""What a client may send; on a page that took it for markup it would run."""


class Feeder:
    """Writes a run as the processes of a dual run do, in a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self._run = GrowingRun(directory, at=time.time())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        (directory / DIRECTORY).mkdir()
        (directory / DIRECTORY / "tap-2.json").write_text("{ damaged")
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _feed(self) -> None:
        while not self._over.wait(0.25):
            for _ in range(40):
                number = self._run.number + 1
                odd = b"," if number % 25 == 0 else b""
                body = (
                    b'data={"event":"%b","properties":{"token":"t","distinct_id":"p%d","time":5,'
                    b'"n":%d%b}}' % (HOSTILE, number % 40, number, odd)
                )
                self._run.at = time.time()
                self._run.add(Request(b"POST", b"/track", FORM, body))
            self._run.flush()
            self._tell(self._run.number, time.time())

    def _tell(self, count: int, now: float) -> None:
        # Five are under way: at legacy (2), at the candidate (1) and in the lane (3) is room.
        ledger = self._run.ledger(received=count + 25, shed=20, remainder=5)
        arm = ControlArm(mirrored={80: count}, control={80: count // 10})
        self._run.tell(proxy_status(now, os.getpid(), count, ledger=ledger, arm=arm))
        self._run.tell(tap_status(now, os.getpid(), count))


class Visit:
    """One server, one browser, and a run that begins while they look."""

    def __init__(self, directory: Path, chromium: str, node: str, modules: Path) -> None:
        self.run, self.shots = directory / "run", directory / "shots"
        self.shots.mkdir()
        self.policy = directory / "policy.toml"
        text = (POLICIES / "demo.toml").read_text()
        self.policy.write_text(text.replace("late_after_seconds = 30.0", "late_after_seconds = 1"))
        self.log = directory / "live.log"
        self.server: ServerProcess | None = None
        self.feeder: Feeder | None = None
        self.address = ANY_PORT
        self.address = self.start().address
        url = f"http://{self.address}/?token={TOKEN}"
        self._command = [node, str(DRIVER), str(modules), chromium, url, str(self.shots)]

    def start(self) -> ServerProcess:
        words = ["live", str(self.run), "--listen", self.address, "--token", TOKEN]
        command = [*COMMAND, *words, "--policy", str(self.policy)]
        self.server = ServerProcess(command, self.log)
        return self.server

    def stop(self) -> None:
        assert self.server is not None
        self.server.stop()

    def begin(self) -> None:
        self.feeder = Feeder(self.run)

    def see(self) -> Any:
        """Return what the browser saw; it says when something is to be done."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=without_proxies(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        last = ""
        with process:
            for line in process.stdout:
                last = line.strip()
                if last in ("begin", "stop", "start"):
                    getattr(self, last)()
                    process.stdin.write("go\n")
                    process.stdin.flush()
        assert process.returncode == 0
        return json.loads(last)

    def close(self) -> None:
        if self.feeder is not None:
            self.feeder.stop()
        if self.server is not None:
            self.server.kill()


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    node = shutil.which("node")
    if chromium is None or node is None:
        pytest.skip("chromium or node is not installed (Debian: chromium, nodejs)")
    modules = package("playwright-core").parent
    found = Visit(tmp_path_factory.mktemp("live"), chromium, node, modules)
    yield found
    found.close()


@pytest.fixture(scope="module")
def seen(visit: Visit) -> Any:
    return visit.see()


def test_the_page_asks_nobody_but_its_own_server(seen: Any, visit: Visit) -> None:
    own = f"http://{visit.address}/"
    assert set(seen["asked"]) <= {f"{own}?token={TOKEN}", f"{own}events", "data:,"}


def test_the_browser_complains_of_nothing(seen: Any) -> None:
    assert seen["log"] == []


def test_the_token_is_not_left_in_the_address(seen: Any, visit: Visit) -> None:
    assert seen["address"] == f"http://{visit.address}/"


def test_the_three_answers_are_there(seen: Any) -> None:
    assert seen["clients"] == "SAFE"
    assert seen["verdict"] in ("FAIL", "UNDECIDED")
    assert "trailing comma" in seen["differs"]
    assert seen["title"].startswith(f"{seen['verdict']} · run")


def test_a_change_of_the_verdict_is_spoken(seen: Any) -> None:
    assert seen["said"].startswith(f"The verdict is now {seen['verdict']}.")


def test_what_clients_sent_is_shown_as_text(seen: Any) -> None:
    assert HOSTILE.decode() in seen["example"]
    assert seen["markup"] == 0


def test_ledger_charts_and_a_damaged_file_are_shown(seen: Any) -> None:
    assert "shed: the lane was full20" in seen["ledger"]
    assert "under way5" in seen["ledger"]
    assert seen["lines"] >= 3
    assert "tap-2.json was skipped" in seen["unreadable"]


def test_everything_can_be_reached_by_keyboard_in_the_order_of_the_page(seen: Any) -> None:
    order = seen["keyboard"]["order"]
    assert order[0] == "a.skip: Skip to the three answers"
    assert order[1] == "pause"
    assert [one.split()[-1] for one in order[2:10]] == [
        "Causes", "Traffic", "Gates", "Ledger", "candidate", "Queues", "Processes", "About",
    ]  # fmt: skip
    assert order[10].startswith("summary:")
    assert seen["keyboard"]["outline"] == "solid"


def test_each_section_has_a_key(seen: Any) -> None:
    assert seen["keyboard"]["sections"] == [
        "answers", "causes", "traffic", "gates", "ledger", "way", "queues", "processes", "about",
    ]  # fmt: skip


def test_new_states_take_neither_focus_nor_what_was_opened(seen: Any) -> None:
    keyboard = seen["keyboard"]
    assert keyboard["opened"]
    assert keyboard["still"]
    assert keyboard["kept"].startswith("summary:")
    assert keyboard["after"][:20] == keyboard["kept"][:20]


def test_a_key_stands_the_page_still_and_the_keys_can_be_switched_off(seen: Any) -> None:
    assert seen["pausing"]["stood"]
    assert seen["pausing"]["told"].startswith("Paused")
    assert seen["pausing"]["off"] == "false"


def test_when_the_server_is_gone_the_page_says_since_when_and_connects_again(seen: Any) -> None:
    assert 0 <= seen["dropping"]["alert"] < 800, "in sight, wherever the page was scrolled to"
    assert seen["dropping"]["outcome"] in ("FAIL", "UNDECIDED", "WAITING")


@pytest.mark.parametrize("name", ["light", "dark", "narrow", "dark_narrow"])
def test_all_text_has_enough_contrast(seen: Any, name: str) -> None:
    least, words = seen[name]["contrast"]
    assert least >= 4.5, words


def test_dark_is_dark(seen: Any) -> None:
    assert seen["light"]["ground"] == "rgb(251, 251, 249)"
    assert seen["dark"]["ground"] == "rgb(22, 24, 27)"


@pytest.mark.parametrize(("name", "width", "height"), [("light", 1280, 800), ("narrow", 390, 844)])
def test_the_answers_are_on_the_first_screen_and_nothing_is_cut_off(
    seen: Any, name: str, width: int, height: int
) -> None:
    assert seen[name]["wide"] <= width
    assert seen[name]["overflowing"] == []
    assert seen[name]["answers"] < height


def test_pictures_were_taken(seen: Any, visit: Visit) -> None:
    assert seen
    assert len(list(visit.shots.glob("*.png"))) == 7
