"""Child processes that serve: start one, wait until it says it is ready, stop it."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class ProcessError(Exception):
    """A server did not start or did not stop. The text holds the end of what it said."""


class ServerProcess:
    """A child that prints ``ready NAME ADDRESS`` on standard output when it listens.

    :raises ProcessError: it ended, or said nothing, within *patience* seconds.
    """

    def __init__(self, command: Sequence[str], log: Path, patience: float = 20.0) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        self._command = command
        self.address = self._wait_until_ready(time.monotonic() + patience)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def stop(self, patience: float = 45.0) -> None:
        """Ask the child to end, and wait for it; one that does not listen is killed.

        :raises ProcessError: it ended with an error, or had to be killed.
        """
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(f"{self._name()} did not stop within {patience:.0f} s") from None
        finally:
            self._close()
        if status:
            raise ProcessError(f"{self._name()} ended with status {status}\n{self._last_words()}")

    def kill(self) -> None:
        """End the child at once."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._close()

    def _wait_until_ready(self, deadline: float) -> str:
        assert self._process.stdout is not None
        said = b""
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self._process.stdout], [], [], left)
            chunk = os.read(self._process.stdout.fileno(), 4096) if readable else b""
            said += chunk
            for line in said.splitlines(keepends=True):
                words = line.decode(errors="replace").split()
                if line.endswith(b"\n") and len(words) == 3 and words[0] == "ready":
                    return words[2]
            if readable and not chunk:
                break
        self.kill()
        raise ProcessError(f"{self._name()} did not start\n{self._last_words()}")

    def _close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _name(self) -> str:
        return " ".join(self._command[:6])

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-12:])
