"""What every command line of ours shares: addresses, errors, the life of a server."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import click

from pyingest.amount import why_no_amount

T = TypeVar("T")
USAGE_ERROR = 2
INTERRUPTED = 130
SHOWN = 30
"""Characters of a wrong value that are repeated."""


class Address(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``; port 0 takes any free one."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8000", param, ctx)
        return host or "127.0.0.1", int(port)


class Number(click.FloatRange):
    """A number in a range; never nan, infinity, or one too large to be meant."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found: float = click.FLOAT.convert(value, param, ctx)
        if wrong := why_no_amount(found):
            self.fail(f"{_short(value)} {wrong}", param, ctx)
        return float(super().convert(value, param, ctx))


class Whole(click.IntRange):
    """A whole number in a range; never one too large to be meant."""

    name = "whole number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found: int = click.INT.convert(value, param, ctx)
        if wrong := why_no_amount(found):
            self.fail(f"{_short(value)} {wrong}", param, ctx)
        return int(super().convert(value, param, ctx))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class Trouble(click.ClickException):
    """An error that a user can mend; never exit code 1, which is the verdict FAIL."""

    exit_code = USAGE_ERROR


class Stoppable(Protocol):
    """A server that is listening."""

    port: int

    async def stop(self) -> object:
        """Finish what is under way and let go of everything."""


def say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def in_reactor(work: Callable[[Any], Awaitable[T]]) -> T:
    """Return what *work* gives, run in the reactor of this process; once in its life.

    :raises KeyboardInterrupt: it was interrupted before.
    """
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    results: list[T] = []
    errors: list[Exception] = []
    interrupted: list[bool] = []

    async def main(reactor: Any) -> None:
        reactor.addSystemEventTrigger("before", "shutdown", stopping)
        try:
            results.append(await work(reactor))
        except Exception as error:
            errors.append(error)

    def stopping() -> None:
        interrupted.append(not results and not errors)

    with suppress(SystemExit):  # react's way to say that it is done
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    if any(interrupted):
        raise KeyboardInterrupt  # what then failed failed because of that
    if errors:
        raise errors[0]
    return results[0]


def serve(
    name: str,
    host: str,
    begin: Callable[[Any], Awaitable[Stoppable]],
    expected: tuple[type[Exception], ...],
    hang_up: Callable[[], None] | None = None,
    more: Callable[[], Sequence[str]] = tuple,
) -> None:
    """Run a server until SIGTERM or SIGINT; tell where it listens; stop it cleanly.

    :param hang_up: what SIGHUP does; without it, the system decides.
    :param more: lines that are said after the one that tells where the server listens.
    """
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.internet.error import CannotListenError

    reactor: Any = installed
    trouble: list[str] = []
    foreseen: tuple[type[Exception], ...] = (*expected, CannotListenError)

    async def run() -> None:
        listen_to_signals(reactor, hang_up)
        try:
            server = await begin(reactor)
        except foreseen as error:
            trouble.append(str(error))
            end(reactor)
            return
        reactor.addSystemEventTrigger("before", "shutdown", lambda: finish(server))
        for line in (f"ready {name} {host}:{server.port}", *more()):
            say(line)

    def finish(server: Stoppable) -> "Deferred[object]":
        return Deferred.fromCoroutine(server.stop()).addErrback(broken)

    def broken(failure: Any) -> None:
        trouble.append(f"{name}: {failure.getErrorMessage()}")
        end(reactor)

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addErrback(broken))
    reactor.run()
    if trouble:
        raise Trouble("; ".join(trouble))


def end(reactor: Any) -> bool:
    """Let the reactor end in order; return whether it was not told so before."""
    from twisted.internet.error import ReactorNotRunning

    try:
        reactor.stop()
    except ReactorNotRunning:
        return False
    return True


def listen_to_signals(reactor: Any, hang_up: Callable[[], None] | None) -> None:
    """Take SIGTERM and Ctrl-C as the wish for an orderly end; a second Ctrl-C cuts it short."""

    def interrupted() -> None:
        if not end(reactor):
            os._exit(INTERRUPTED)

    def on(number: int, act: Callable[[], object]) -> None:
        signal.signal(number, lambda number, frame: reactor.callFromThread(act))

    on(signal.SIGTERM, lambda: end(reactor))
    on(signal.SIGINT, interrupted)
    if hang_up is not None:
        on(signal.SIGHUP, hang_up)
