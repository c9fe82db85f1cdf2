"""Processes of a benchmark: started on one processor, watched, ended with their children."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest_servers import Start

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass(slots=True)
class Running:
    """A server that runs, with all processes that it started."""

    process: subprocess.Popen[bytes]
    port: int

    @staticmethod
    def begin(start: Start, port: int, processor: int, keep_output: bool = False) -> "Running":
        """Start a server on one processor; return when it answers to a connection.

        :param keep_output: have :meth:`end` return what it printed; it must not be much.
        """
        command = ["taskset", "-c", str(processor), *start.command]
        process = subprocess.Popen(
            command,
            env={**os.environ, **start.environment},
            stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
        )
        running = Running(process, port)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                return running
            time.sleep(0.05)
        running.end()
        raise RuntimeError(f"did not listen on {port}: {' '.join(start.command)}")

    def cpu(self) -> float:
        """Return the seconds of processor time that all its processes took so far."""
        return sum(_fields(pid)[0] for pid in self._tree()) / TICK

    def mb(self) -> float:
        """Return what all its processes hold in memory, in MB."""
        return sum(_fields(pid)[1] for pid in self._tree()) * PAGE / 1e6

    def end(self) -> str:
        """End it in an orderly way, by force after 30 seconds; return what was kept."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                for pid in self._tree():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.process.wait()
        return self.process.stdout.read().decode() if self.process.stdout else ""

    def _tree(self) -> list[int]:
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
                waiting += [int(child) for child in children.split()]
        return found


def _fields(pid: int) -> tuple[int, int]:
    """Return a process's own ticks of processor time, and its resident pages."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0, 0
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]), int(fields[21])
