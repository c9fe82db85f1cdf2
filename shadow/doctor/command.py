"""`mixmigrate doctor`: words to checks, findings to words and an exit code."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Address, Trouble, Whole, in_reactor, say

if TYPE_CHECKING:
    from shadow.doctor.conversation import Conversation
    from shadow.doctor.echoreport import EchoReport
    from shadow.doctor.findings import Finding

NOT_WELL = 1


@click.command("doctor")
@click.option("--listen", type=Address(), help="Where clients are to come in: is it free?")
@click.option("--legacy", metavar="URL", help="The service in production: is it there?")
@click.option("--candidate", metavar="URL", help="Its rewrite.")
@click.option("--legacy-queue", metavar="URL", help="Where legacy's events lie.")
@click.option("--candidate-queue", metavar="URL", help="Where the candidate's lie.")
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="Where a run is to be recorded: may it be written, is there room?",
)
@click.option(
    "--echo",
    "echoes",
    is_flag=True,
    help="Send odd requests through a proxy to two recording servers; list what differs.",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True),
    help="With --echo: requests of yours too; a run, a capture, or raw requests in a row.",
)
@click.option(
    "--requests",
    type=Whole(min=0),
    default=2000,
    show_default=True,
    help="With --echo: odd requests to make up.",
)
@click.option("--seed", type=Whole(), default=20111, show_default=True, help="Of the odd requests.")
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON.")
def doctor_command(
    echoes: bool,
    corpora: tuple[Path, ...],
    requests: int,
    seed: int,
    as_json: bool,
    **named: Any,
) -> None:
    """Say what is wrong with a set-up before a dual run finds out.

    Looks at versions, limits, disk and clocks, and at each service and queue that is named; it
    stores nothing anywhere. With --echo it shows, on this machine alone, that the proxy passes
    requests on to the byte. The exit code is 0 when there is no problem, else 1.

    Example: mixmigrate doctor --legacy http://127.0.0.1:8080 --candidate http://127.0.0.1:8001
    """
    if echoes:
        _echo(corpora, requests, seed, as_json)
    else:
        _examine(as_json, **named)


def _examine(
    as_json: bool,
    listen: tuple[str, int] | None,
    legacy: str | None,
    candidate: str | None,
    legacy_queue: str | None,
    candidate_queue: str | None,
    run: Path | None,
) -> None:
    from shadow.doctor.checks import queues
    from shadow.doctor.findings import Level, count, finding_dicts, finding_lines
    from shadow.doctor.probing import place, queue, service
    from shadow.doctor.surroundings import surroundings

    findings = surroundings(run)
    findings += [place(*listen)] if listen else []
    for side, url in (("legacy", legacy), ("candidate", candidate)):
        findings += service(side, url) if url else []
    if legacy_queue and candidate_queue:
        findings.append(queues(legacy_queue, candidate_queue))
    named = [("legacy", legacy_queue), ("candidate", candidate_queue)]

    async def ask(reactor: Any) -> "list[Finding]":
        return [await queue(reactor, side, url) for side, url in named if url]

    findings += in_reactor(ask) if legacy_queue or candidate_queue else []
    if as_json:
        say(_json({"findings": finding_dicts(findings)}))
    else:
        for line in finding_lines(findings):
            say(line)
    if count(findings, Level.PROBLEM):
        sys.exit(NOT_WELL)


def _echo(corpora: tuple[Path, ...], requests: int, seed: int, as_json: bool) -> None:
    from shadow.doctor.echo import echo
    from shadow.doctor.echoreport import echo_lines
    from shadow.doctor.oddrequests import odd_conversations
    from shadow.doctor.rawcorpus import CorpusError, read_corpus

    try:
        read = [read_corpus(path) for path in corpora]
    except CorpusError as error:
        raise Trouble(str(error)) from None
    said = (
        *(one for corpus in read for one in corpus.conversations),
        *odd_conversations(seed, requests),
    )

    async def run(reactor: Any) -> "EchoReport":
        return await echo(reactor, _shown(said, not as_json))

    report = in_reactor(run)
    report.left_out = sum(corpus.left_out for corpus in read)
    if as_json:
        say(_json(report.to_dict()))
    else:
        for line in echo_lines(report):
            say(line)
    if not report.is_clean:
        sys.exit(NOT_WELL)


def _shown(conversations: "Iterable[Conversation]", shown: bool) -> "Iterator[Conversation]":
    """Yield the conversations, renewing a line that counts them on a terminal."""
    shown = shown and sys.stderr.isatty()
    done = 0
    for one in conversations:
        yield one
        done += len(one.requests)
        if shown and done % 100 == 0:
            click.echo(f"\r\x1b[K{done:,} requests", nl=False, err=True)
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)


def _json(value: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
