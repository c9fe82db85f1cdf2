"""What every command line of ours shares: addresses, errors, the life of a server."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import click

USAGE_ERROR = 2
INTERRUPTED = 130


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


def serve(
    name: str,
    host: str,
    begin: Callable[[Any], Awaitable[Stoppable]],
    expected: tuple[type[Exception], ...],
) -> None:
    """Run a server until SIGTERM or SIGINT; tell where it listens; stop it cleanly."""
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.internet.error import CannotListenError

    reactor: Any = installed
    trouble: list[str] = []
    foreseen: tuple[type[Exception], ...] = (*expected, CannotListenError)

    async def run() -> None:
        try:
            server = await begin(reactor)
        except foreseen as error:
            trouble.append(str(error))
            reactor.stop()
            return
        reactor.addSystemEventTrigger("before", "shutdown", lambda: finish(server))
        say(f"ready {name} {host}:{server.port}")

    def finish(server: Stoppable) -> "Deferred[object]":
        return Deferred.fromCoroutine(server.stop()).addErrback(broken)

    def broken(failure: Any) -> None:
        trouble.append(f"{name}: {failure.getErrorMessage()}")
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addErrback(broken))
    reactor.run()
    if trouble:
        raise Trouble("; ".join(trouble))
