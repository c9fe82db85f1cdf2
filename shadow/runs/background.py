"""Work on the disk that clients need not wait for: done in its order, by one thread.

A disk that is busy lets a write of some kilobytes take a second. In the thread that serves clients
that would be a second for each of them.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

Job = Callable[[], None]
MOST_BYTES = 64 * 1024 * 1024
"""Bytes that may wait for the disk. They are what the proxy's memory may grow by."""


class Hand(Protocol):
    """Does jobs, each after those before it."""

    def do(self, job: Job, size: int = 0) -> None:
        """Do *job*, which holds *size* bytes, now or later.

        :raises OSError: this job or one before it failed.
        """

    def finish(self) -> None:
        """Wait until everything is done.

        :raises OSError: a job failed.
        """


class AtOnce:
    """Does each job when it is given."""

    def do(self, job: Job, size: int = 0) -> None:
        """Do *job* now."""
        job()

    def finish(self) -> None:
        """Nothing waits."""


class Background:
    """Does the jobs in a thread of its own. After the first failure nothing more is done.

    The thread ends with :meth:`close`, or with the process.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._jobs: SimpleQueue[tuple[Job, int] | None] = SimpleQueue()
        self._lock = threading.Condition()
        self._waiting = self._bytes = 0
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not yet on disk."""
        return self._bytes

    def do(self, job: Job, size: int = 0) -> None:
        """Have *job* done, after those before it.

        :raises OSError: one before it failed, or the disk is too slow by :data:`MOST_BYTES`.
        """
        with self._lock:
            if self._failure is None and self._bytes + size > self._most:
                self._failure = OSError(
                    f"the disk is too slow: {self._bytes:,} bytes wait to be written"
                )
            if self._failure is not None:
                raise self._failure
            self._waiting += 1
            self._bytes += size
        self._jobs.put((job, size))

    def finish(self) -> None:
        """Wait until everything is done.

        :raises OSError: a job failed.
        """
        with self._lock:
            self._lock.wait_for(lambda: not self._waiting)
            if self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """End the thread, when everything is done."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, size = given
            failure = self._tried(job)
            with self._lock:
                self._failure = self._failure or failure
                self._waiting -= 1
                self._bytes -= size
                self._lock.notify_all()

    def _tried(self, job: Job) -> OSError | None:
        if self._failure is not None:
            return None
        try:
            job()
        except OSError as error:
            return error
        except Exception as error:  # a fault of ours must not end the thread without a word
            return OSError(f"a defect in the recording: {type(error).__name__}: {error}")
        return None
