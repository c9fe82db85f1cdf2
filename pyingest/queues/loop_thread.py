"""One asyncio loop in a thread of its own, for clients that need one beside Twisted's reactor.

Whole batches cross the border between the threads, never single messages: a crossing costs
about as much as twenty messages do.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from pyingest.queues.interface import QueueError

T = TypeVar("T")

STOP_SECONDS = 2.0
"""How long the end of the loop is waited for."""


class LoopThread:
    """A running asyncio loop. It ends with :meth:`stop`, or with the process."""

    def __init__(self, reactor: Any, name: str) -> None:
        self._reactor = reactor
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, work: Coroutine[Any, Any, T]) -> "Deferred[T]":
        """Run *work* in the loop; fires in the reactor's thread with what it returns or raises."""
        done: Deferred[T] = Deferred()
        if self._loop.is_closed():
            work.close()
            done.errback(QueueError("the queue is closed"))
            return done
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.add_done_callback(lambda ended: self._reactor.callFromThread(_settle, ended, done))
        return done

    def wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run *work* in the loop while this thread waits: for opening only.

        :raises TimeoutError: it takes longer than *seconds*; it is cancelled then.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError from None

    def stop(self) -> None:
        """End the loop with all that runs in it; a second call does nothing."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def _settle(ended: "concurrent.futures.Future[T]", done: "Deferred[T]") -> None:
    if ended.cancelled():
        done.errback(QueueError("the queue is closed"))
    elif (error := ended.exception()) is not None:
        done.errback(error)
    else:
        done.callback(ended.result())
