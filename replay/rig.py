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


class Servers:
    """Processes of ours that serve; the last one that was started is the first to end.

    :param work: a directory for their logs and the compiled legacy server.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._running: list[ServerProcess] = []

    def serve(self, command: str, *words: str, log: str = "") -> ServerProcess:
        """Start ``mixmigrate COMMAND``; what it says goes to ``LOG.log``, else ``COMMAND.log``.

        :raises ProcessError: it did not start.
        """
        return self._run(log or command, *COMMAND, command, *words)

    def legacy(self, erlang: Erlang | Absent, queue: ServerProcess) -> ServerProcess:
        """Start the legacy server, or without Erlang what stands in for it, before *queue*.

        :raises LegacyError: the Erlang sources do not compile.
        """
        match erlang:
            case Erlang():
                built = self._work / "legacy"
                built.mkdir()
                erlang.build(built)
                return self._run("legacy", *erlang.command(built, ANY_PORT, queue.address, QUEUES))
            case Absent():
                url = f"kestrel://{queue.address}/{','.join(QUEUES)}"
                return self.serve("ingest", *ingest("mochiweb", url), log="legacy")

    def stop(self) -> None:
        """End all in order.

        :raises ProcessError: one ended with an error; those that began before it still run.
        """
        while self._running:
            self._running.pop().stop()

    def kill(self) -> None:
        """End what still runs, at once."""
        while self._running:
            self._running.pop().kill()

    def _run(self, log: str, *command: str) -> ServerProcess:
        self._running.append(ServerProcess(command, self._work / f"{log}.log"))
        return self._running[-1]


class Rig:
    """A dual run with every part a process of its own, each on a free loopback port.

    :raises ProcessError: a part did not start; those before it are stopped again.
    :raises LegacyError: the Erlang sources do not compile.
    """

    def __init__(self, options: RigOptions) -> None:
        self.options = options
        self._servers = Servers(options.work)
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
        self._servers.stop()

    def kill(self) -> None:
        """End what still runs, at once."""
        self._servers.kill()

    def _start(self) -> None:
        serve, work, names = self._servers.serve, self.options.work, ",".join(QUEUES)
        self.queue = serve("queue", *kestrel(work / "legacy-queue"))
        legacy_queue = f"kestrel://{self.queue.address}/{names}"
        candidate_queue = f"sqlite:{work}/candidate.db#{names}"
        if self.options.separate_queue:
            words = kestrel(work / "candidate-queue")
            self.candidate_queue = serve("queue", *words, log="candidate-queue")
            candidate_queue = f"kestrel://{self.candidate_queue.address}/{names}"
        self.legacy = self._servers.legacy(self.options.erlang, self.queue)
        self.candidate = serve("ingest", *ingest(self.options.profile, candidate_queue))
        self.shadow = serve(
            "shadow",
            *("--listen", ANY_PORT, "--run", str(self.options.run)),
            *("--legacy", f"http://{self.legacy.address}", "--legacy-queue", legacy_queue),
            *("--candidate", f"http://{self.candidate.address}"),
            *("--candidate-queue", candidate_queue),
            *("--candidate-build", f"pyingest --profile {self.options.profile}"),
            *provenance(self.options.erlang),
        )


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
