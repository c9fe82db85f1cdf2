"""Where a comparison is done: in this process, in several, or by workers of a Dask scheduler."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_all_start_methods, get_context, resource_tracker
from typing import Any, TypeVar

from compare.stages.engine import Engine, Here

Part = TypeVar("Part")
SMALL = 20_000
"""Records of a run up to which starting processes takes longer than it saves."""
_DASK = re.compile(r"dask://([^/\s]+:\d+)/?")
_LOCAL = re.compile(r"local(?::(\d{1,3}))?")


class EngineError(Exception):
    """A comparison cannot be done where it was asked for. The text says why and what to do."""


class Processes:
    """Several processes of this machine, started at the first use."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def map(self, task: Callable[[int], Part], numbers: Iterable[int]) -> Iterator[Part]:
        """Yield what *task* returns for each of *numbers*, as they are done.

        :raises EngineError: a process died.
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._count, get_context(_start_method()))
        try:
            with _interrupts_held():
                futures = [self._pool.submit(task, number) for number in numbers]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise EngineError(
                "a worker process of the comparison died; if it ran out of memory, "
                "take fewer of them (--engine local:1)"
            ) from None

    def close(self) -> None:
        """Let the processes go; what they have not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _start_method() -> str:
    """Return how to start processes: forked, which takes no time, unless threads would be lost.

    A fork of a process with threads inherits their locks as they are, and nobody to open them.
    """
    alone = threading.active_count() == 1 and "fork" in get_all_start_methods()
    return "fork" if alone else "spawn"


class Dask:
    """The workers of a Dask scheduler, which must have this package and see the run directory."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None

    def map(self, task: Callable[[int], Part], numbers: Iterable[int]) -> Iterator[Part]:
        """Yield what *task* returns for each of *numbers*, as they are done.

        What a lost worker had in hand is done again by another.

        :raises EngineError: there is no such scheduler, or it gave up.
        """
        from distributed import as_completed as dask_as_completed

        client = self._connected()
        # Not pure: the same task on a run that has grown is another one.
        futures = client.map(task, list(numbers), pure=False)
        for future in dask_as_completed(futures, loop=client.loop):
            yield self._result(future)

    def close(self) -> None:
        """Leave the scheduler."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Any:
        from distributed import Client

        if self._client is None:
            try:
                self._client = Client(f"tcp://{self._address}", timeout="10s", set_as_default=False)
            except (OSError, ValueError) as error:
                raise EngineError(
                    f"dask://{self._address}: no scheduler answers ({error}); "
                    "start one: dask scheduler --host 127.0.0.1"
                ) from None
        return self._client

    def _result(self, future: Any) -> Any:
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise EngineError(
                f"dask://{self._address}: workers died again and again over one task ({error}); "
                "look at their memory"
            ) from None
        except ImportError as error:
            raise EngineError(
                f"dask://{self._address}: a worker cannot run this ({error}); "
                "install mixmigrate, of this version, where the workers are"
            ) from None


def engine_for(where: str, records: int) -> Engine:
    """Return the engine that *where* names: ``local``, ``local:N``, ``dask://HOST:PORT``.

    :param records: of the run; a small one is not worth processes, unless N is given.
    :raises EngineError: there is no such engine, or it is not installed.
    """
    local, dask = _LOCAL.fullmatch(where), _DASK.fullmatch(where)
    if local is not None:
        count = int(local[1]) if local[1] else _processors(records)
        return Processes(count) if count > 1 else Here()
    if dask is None:
        raise EngineError(
            f"--engine {where}: no such engine; use local, local:N (N processes) "
            "or dask://HOST:PORT (a Dask scheduler)"
        )
    try:
        import distributed  # noqa: F401  # only whether it is there
    except ImportError:
        raise EngineError("dask:// needs Dask: pip install 'mixmigrate[dask]'") from None
    return Dask(dask[1])


def _processors(records: int) -> int:
    return 1 if records < SMALL else len(os.sched_getaffinity(0))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT back: processes that are started meanwhile never get it.

    Ctrl-C reaches the whole group of processes; only the parent decides what to do about it.
    """
    # It would lift the mask when it starts the tracker by itself.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
