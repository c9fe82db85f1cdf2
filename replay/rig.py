"""The processes of one dual run on this machine: queue, legacy, candidate, proxy."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from replay.legacy import Absent, Erlang
from replay.processes import ServerProcess

QUEUES = ("events", "profiles")
COMMAND = (sys.executable, "-P", "-m", "cli")
ANY_PORT = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class RigOptions:
    """What a rig is made of."""

    work: Path
    """An empty directory for logs, queue files and the compiled legacy server."""
    run: Path
    """Where the proxy records the run."""
    erlang: Erlang | Absent
    """Without Erlang, pyingest with the profile ``mochiweb`` stands in for legacy."""
    profile: str
    """The candidate's."""
    separate_queue: bool = False
    """Give the candidate a queue server of its own instead of the embedded SQLite queue."""


class Rig:
    """A dual run with every part a process of its own, each on a free loopback port.

    :raises ProcessError: a part did not start; those before it are stopped again.
    :raises LegacyError: the Erlang sources do not compile.
    """

    def __init__(self, options: RigOptions) -> None:
        self.options = options
        self._running: list[ServerProcess] = []
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> "Rig":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://{self.shadow.address}"

    def stop(self) -> None:
        """Stop the proxy first, so that its taps read both queues to their ends; then the rest."""
        while self._running:
            self._running.pop().stop()

    def kill(self) -> None:
        """End what still runs, at once."""
        while self._running:
            self._running.pop().kill()

    def _start(self) -> None:
        work, names = self.options.work, ",".join(QUEUES)
        self.queue = self._serve("queue", *kestrel(work / "legacy-queue"))
        legacy_queue = f"kestrel://{self.queue.address}/{names}"
        candidate_queue = f"sqlite:{work}/candidate.db#{names}"
        if self.options.separate_queue:
            words = kestrel(work / "candidate-queue")
            self.candidate_queue = self._serve("queue", *words, log="candidate-queue")
            candidate_queue = f"kestrel://{self.candidate_queue.address}/{names}"
        self.legacy = self._start_legacy(legacy_queue)
        self.candidate = self._serve("ingest", *ingest(self.options.profile, candidate_queue))
        self.shadow = self._serve(
            "shadow",
            *("--listen", ANY_PORT, "--run", str(self.options.run)),
            *("--legacy", f"http://{self.legacy.address}", "--legacy-queue", legacy_queue),
            *("--candidate", f"http://{self.candidate.address}"),
            *("--candidate-queue", candidate_queue),
            *("--candidate-build", f"pyingest --profile {self.options.profile}"),
            *provenance(self.options.erlang),
        )

    def _start_legacy(self, queue_url: str) -> ServerProcess:
        match self.options.erlang:
            case Erlang() as erlang:
                built = self.options.work / "legacy"
                built.mkdir()
                erlang.build(built)
                command = erlang.command(built, ANY_PORT, self.queue.address, QUEUES)
                return self._run("legacy", *command)
            case Absent():
                return self._serve("ingest", *ingest("mochiweb", queue_url), log="legacy")

    def _serve(self, command: str, *words: str, log: str = "") -> ServerProcess:
        return self._run(log or command, *COMMAND, command, *words)

    def _run(self, log: str, *command: str) -> ServerProcess:
        self._running.append(ServerProcess(command, self.options.work / f"{log}.log"))
        return self._running[-1]


def kestrel(store: Path) -> tuple[str, ...]:
    """Return the words of a ``queue`` command on any free port."""
    return ("--listen", ANY_PORT, "--store", str(store))


def ingest(profile: str, queue_url: str) -> tuple[str, ...]:
    """Return the words of an ``ingest`` command on any free port."""
    return ("--listen", ANY_PORT, "--queue", queue_url, "--profile", profile)


def provenance(erlang: Erlang | Absent) -> tuple[str, ...]:
    """Return the words that tell the run who legacy was."""
    if isinstance(erlang, Erlang):
        return ("--legacy-build", "legacy/ on MochiWeb")
    note = "legacy was the stand-in (pyingest itself), so agreement proves only the tools"
    return ("--legacy-build", "stand-in: pyingest mochiweb", "--note", f"{note}: {erlang.why}")
