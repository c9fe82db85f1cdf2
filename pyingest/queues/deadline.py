"""An answer by a certain time, whatever it is."""

from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


def within(reactor: Any, seconds: float, answer: "Deferred[T]", late: T) -> "Deferred[T]":
    """Return what fires with *answer*'s result, or with *late* after *seconds*.

    *answer* goes on then, and its result is not heard.
    """
    done: Deferred[T] = Deferred()

    def settle(result: Any) -> None:
        if timer.active():
            timer.cancel()
            done.callback(result)

    timer = reactor.callLater(seconds, done.callback, late)
    answer.addBoth(settle)
    return done
