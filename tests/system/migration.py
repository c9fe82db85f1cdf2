"""The processes of a whole migration, and the words of its operator."""

import json
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from replay.legacy import Absent, Erlang
from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND, QUEUES, Servers, kestrel
from shadow.cutover.processes import told
from shadow.cutover.store import Store
from shadow.cutover.view import View, status_data
from tests.system.steady import Clients

STEPS = "1,5,25,50"
PATIENCE = 60.0
_ID = re.compile(rb'"n":\s*"(\d+-\d+)"')


class Migration:
    """Queue, legacy, both instances of the candidate, and one proxy after the other."""

    def __init__(
        self, work: Path, erlang: Erlang | Absent, shadowed: bool = False, workers: int = 1
    ) -> None:
        self.work = work
        self._shadowed = shadowed
        self._workers = workers
        self.state = work / "cutover"
        self.runs: list[Path] = []
        self.clients: list[Clients] = []
        self._watches: list[subprocess.Popen[bytes]] = []
        self._servers = Servers(work)
        try:
            self._start(erlang)
        except BaseException:
            self.kill()
            raise

    def _start(self, erlang: Erlang | Absent) -> None:
        work, names = self.work, ",".join(QUEUES)
        self.queue = self._servers.serve("queue", *kestrel(work / "store"))
        self.production = f"kestrel://{self.queue.address}/{names}"
        self.quarantine = f"sqlite:{work}/quarantine.db#{names}"
        self.legacy = self._servers.legacy(erlang, self.queue)
        self.candidate = self._servers.serve(
            "ingest", "--listen", ANY_PORT, "--queue", self.quarantine, "--profile", "mochiweb"
        )
        if self._shadowed:
            self.legacy_shadow = self._servers.serve(
                "ingest", "--listen", ANY_PORT, "--queue", self.quarantine, log="legacy-shadow"
            )
        self.config = work / "live.toml"
        self.configure("")
        self.live = self._servers.serve("ingest", "--config", str(self.config), log="live")

    def configure(self, more: str) -> None:
        """Write the settings of the candidate's instance for production, with *more* at the end."""
        self.config.write_text(
            f'[listen]\naddress = "127.0.0.1:{self._live_port()}"\nworkers = 1\n'
            f'[queue]\nurl = "{self.production}"\n{more}'
        )

    def proxy(self, build: str, listen: str = ANY_PORT) -> ServerProcess:
        """Start a proxy that records a run of its own."""
        run = self.work / f"run-{len(self.runs) + 1}"
        self.runs.append(run)
        return self._servers.serve(
            "shadow",
            *("--listen", listen, "--run", str(run), "--cutover", str(self.state)),
            *("--legacy", f"http://{self.legacy.address}", "--legacy-queue", self.production),
            *("--candidate", f"http://{self.candidate.address}"),
            *("--candidate-queue", self.quarantine, "--candidate-build", build),
            *("--candidate-live", f"http://{self.live.address}"),
            *("--workers", str(self._workers)),
            *self._shadow_words(),
            log=run.name,
        )

    def send(self, address: str, rate: float) -> Clients:
        """Let clients send so many requests a second, until the end."""
        self.clients.append(Clients(address, rate))
        return self.clients[-1]

    def plan(self, *words: str) -> tuple[int, str]:
        """Plan the cutover; return the exit code and what was said."""
        return self.say(
            "plan",
            *("--legacy", f"http://{self.legacy.address}"),
            *("--candidate", f"http://{self.candidate.address}"),
            *("--candidate-live", f"http://{self.live.address}"),
            *("--legacy-queue", self.production, "--candidate-queue", self.quarantine),
            *("--candidate-live-queue", self.production),
            *self._shadow_words(queue=True),
            *words,
        )

    def say(self, command: str, *words: str) -> tuple[int, str]:
        """Run one of the commands of ``cutover``; return the exit code and what was said."""
        line = [*COMMAND, "cutover", command, "--state", str(self.state), *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """Return where the cutover stands, as ``status --json`` says it."""
        view = View(Store(self.state).read(), told(self.state), time.time())
        return status_data(view)

    def advance(self, *words: str) -> str:
        """Go one stage on as soon as nothing is missing; return the stage."""
        if not words:
            until(lambda: not self.status()["missing"], "the next stage lacks nothing")
        code, said = self.say("advance", "--json", *words)
        assert code == 0, said
        return str(json.loads(said)["stage"])

    def advance_soon(self, *words: str) -> str:
        """Try to go one stage on until that is possible; return the stage."""
        deadline = time.monotonic() + PATIENCE
        while True:
            code, said = self.say("advance", "--json", *words)
            if code == 0:
                return str(json.loads(said)["stage"])
            assert time.monotonic() < deadline, said
            time.sleep(0.5)

    def watch(self, run: Path, policy: Path) -> "subprocess.Popen[bytes]":
        """Start to judge a run that grows; it ends by itself when the cutover is done."""
        words = (str(run), "--state", str(self.state), "--policy", str(policy))
        self._watches.append(
            subprocess.Popen([*COMMAND, "cutover", "watch", *words], stdout=subprocess.DEVNULL)
        )
        return self._watches[-1]

    def stage(self) -> str:
        """Return the stage as the proxies read it."""
        return str(json.loads((self.state / "stage.json").read_bytes())["stage"]["phase"])

    def compare(self, run: Path, policy: Path) -> str:
        """Judge a run; return the verdict."""
        line = [*COMMAND, "compare", str(run), "--policy", str(policy), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in (0, 1, 3, 4), done.stderr
        verdict = json.loads(done.stdout)["verdict"]
        return " ".join([verdict["outcome"], *verdict["reasons"]])

    def production_events(self) -> Counter[str]:
        """Take everything from the production queue; return how often each id lies there."""
        host, _, port = self.queue.address.rpartition(":")
        found: Counter[str] = Counter()
        with socket.create_connection((host, int(port)), 10) as connection:
            stream = connection.makefile("rb")
            while True:
                connection.sendall(b"GET events\r\n" * 200)
                taken = [_read_one(stream) for _ in range(200)]
                found.update(name.decode() for one in taken for name in _ID.findall(one))
                if not any(taken):
                    return found

    def stop(self) -> None:
        """End what runs, the last started first."""
        self._servers.stop()

    def kill(self) -> None:
        """End what still runs, at once."""
        for clients in self.clients:
            clients.stop()
        for watch in self._watches:
            watch.kill()
            watch.wait()
        self._servers.kill()

    def _shadow_words(self, queue: bool = False) -> tuple[str, ...]:
        if not self._shadowed:
            return ()
        words = ("--legacy-shadow", f"http://{self.legacy_shadow.address}")
        return (*words, "--legacy-shadow-queue", self.quarantine) if queue else words

    def _live_port(self) -> int:
        if not hasattr(self, "_port"):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._port = int(probe.getsockname()[1])
        return self._port


def until(happens: Callable[[], object], what: str, seconds: float = 20.0) -> float:
    """Wait until something *happens*; return how long that took."""
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def _read_one(stream: Any) -> bytes:
    line = stream.readline()
    if line == b"END\r\n":
        return b""
    body: bytes = stream.read(int(line.split()[3]) + 2)
    stream.readline()
    return body
