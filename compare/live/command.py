"""`mixmigrate live`: words to objects, errors to messages."""

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import click

from pyingest.terminal import Address, Stoppable, Trouble, end, serve


@click.command("live")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--listen",
    type=Address(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where the page is served; port 0 takes any free one.",
)
@click.option(
    "--policy",
    default="default",
    show_default=True,
    metavar="FILE",
    help="A policy file, or a built-in one: default, demo.",
)
@click.option(
    "--token",
    default="",
    metavar="TEXT",
    help="What opens the page. Others on this machine may see it in the list of processes.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file that holds the token. Needed where others than this machine can reach the page.",
)
@click.option(
    "--until-input-ends",
    is_flag=True,
    help="End when standard input does, as it does when the process that wrote it is gone.",
)
@click.option(
    "--cutover",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Roll this cutover back as soon as the run fails; see `mixmigrate cutover`.",
)
def live_command(
    run: Path,
    listen: tuple[str, int],
    policy: str,
    token: str,
    token_file: Path | None,
    until_input_ends: bool,
    cutover: Path | None,
) -> None:
    """Show a dual run as it goes: a page, a verdict for machines, metrics.

    RUN is the directory that `mixmigrate shadow` records, now or later; it is only read. Serves
    the page at /, and /verdict (Argo Rollouts, Flagger), /metrics (Prometheus), /health. The page
    shows your clients' data.

    Example: mixmigrate live runs/first --policy policy.toml
    """
    from compare.live.service import LiveError, LiveOptions, start
    from compare.policy.policy import PolicyError, load

    if token_file is not None:
        token = _token(token_file, token)
    try:
        load(policy)
    except PolicyError as error:
        raise Trouble(str(error)) from None
    if not run.parent.exists():
        raise Trouble(f"{run.parent}: no such directory, so no run can come to be in it")
    options = LiveOptions(run, listen[0], listen[1], policy, token, cutover=cutover)

    async def begin(reactor: Any) -> Stoppable:
        if until_input_ends:
            threading.Thread(target=_end_with_input, args=(reactor,), daemon=True).start()
        return await start(reactor, options)

    serve("live", listen[0], begin, (LiveError,))


def _end_with_input(reactor: Any) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    reactor.callFromThread(end, reactor)


def _token(path: Path, other: str) -> str:
    """Return the token that a file holds.

    :raises Trouble: there is none, or a second one.
    """
    if other:
        raise Trouble("--token and --token-file: give one of them")
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{path}: the token cannot be read: {error}") from None
    if not token:
        raise Trouble(f"{path}: empty; write the token into it")
    return token
