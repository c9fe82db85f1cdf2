"""`mixmigrate top`: asks a running server who sends what, and shows it."""

import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import click
import msgspec

from pyingest.terminal import Trouble, Whole, say
from pyingest.traffic.rates import By, View, view
from pyingest.traffic.stats import UnknownStats, decode_stats
from pyingest.traffic.table import lines

PATIENCE = 5.0
"""Seconds that an answer may take."""
HOME = "\x1b[H"
ERASE_LINE = "\x1b[K"
ERASE_BELOW = "\x1b[J"
CLEAR = "\x1b[2J"
_COLOURS: dict[str, dict[str, Any]] = {
    "head": {"bold": True},
    "alarm": {"fg": "red"},
    "dim": {"dim": True},
}


class NoAnswer(Exception):
    """The server could not be asked. The text says which, and why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and in which order it is shown."""

    url: str
    seconds: int
    by: By
    rows: int

    def ask(self) -> View:
        """Return the answer.

        :raises NoAnswer: there is none, or none that can be read.
        """
        try:
            return view(decode_stats(fetch(self.url)), self.seconds, self.by, self.rows)
        except (UnknownStats, LookupError) as error:
            raise NoAnswer(f"{self.url}: {error}") from None


def fetch(url: str) -> bytes:
    """Return what *url* answers.

    :raises NoAnswer: nothing answers there, or not with what was asked for.
    """
    # No proxy: the operators' address is on this machine or in this network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        error.close()
        raise NoAnswer(f"{url}: HTTP {error.code}; this is no admin address") from None
    except urllib.error.URLError as error:
        raise NoAnswer(f"nothing answers at {url}: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        what = str(error) or type(error).__name__
        raise NoAnswer(f"no answer from {url}: {what}") from None


@click.command("top")
@click.option(
    "--admin",
    default="http://127.0.0.1:8002",
    show_default=True,
    metavar="URL",
    help="The server's address for operators, as `mixmigrate ingest --admin` was told.",
)
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default="events",
    show_default=True,
    help="What to sort by.",
)
@click.option(
    "--minutes",
    type=click.Choice(["1", "5", "60"]),
    default="1",
    show_default=True,
    help="How far to look back.",
)
@click.option(
    "--rows",
    type=Whole(1, 1000),
    default=10,
    show_default=True,
    help="The most rows of each table.",
)
@click.option("--once", is_flag=True, help="Show one table and end, as without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one line each time.")
def top_command(admin: str, by: str, minutes: str, rows: int, once: bool, as_json: bool) -> None:
    """Show who sends what: by token, endpoint and client library, each second anew.

    A number with ~ is an upper bound: that token was not followed all the time. Ends with Ctrl-C.

    Example: mixmigrate top --admin http://127.0.0.1:8002 --by invalid
    """
    if not admin.startswith(("http://", "https://")):
        admin = f"http://{admin}"
    question = Question(admin.rstrip("/") + "/stats", int(minutes) * 60, By(by), rows)
    try:
        first = question.ask()
    except (NoAnswer, ValueError) as error:
        raise Trouble(
            f"{error}\nStart the server with `mixmigrate ingest --admin HOST:PORT ...`, "
            "and name that address with --admin."
        ) from None
    if as_json:
        show_json(question, first, once)
    elif once or not sys.stdout.isatty():
        say("\n".join(lines(first, width=shutil.get_terminal_size((200, 24)).columns)))
    else:
        show_live(question, first)


def show_json(question: Question, first: View, once: bool) -> None:
    """Write a line of JSON, and one more each second until Ctrl-C unless *once*.

    :raises Trouble: the server stopped answering.
    """
    try:
        say(msgspec.json.encode(first).decode())
        while not once:
            time.sleep(1)
            say(msgspec.json.encode(question.ask()).decode())
    except KeyboardInterrupt:
        pass
    except NoAnswer as error:
        raise Trouble(str(error)) from None


def show_live(question: Question, first: View) -> None:
    """Show the table, each second anew, until Ctrl-C."""
    shown, trouble = first, ""
    click.echo(CLEAR, nl=False)
    try:
        while True:
            draw(shown, trouble)
            time.sleep(1)
            try:
                shown, trouble = question.ask(), ""
            except NoAnswer as error:
                trouble = f"{error}; what follows is old"
    except KeyboardInterrupt:
        click.echo()


def draw(shown: View, trouble: str) -> None:
    """Write a table over the one that is on the terminal."""
    size = shutil.get_terminal_size()
    found = [painted(trouble[: size.columns], "alarm")] if trouble else []
    found += lines(shown, size.columns, painted)
    text = "\n".join(line + ERASE_LINE for line in found[: size.lines - 1])
    click.echo(HOME + text + "\n" + ERASE_BELOW, nl=False)
    sys.stdout.flush()


def painted(text: str, colour: str) -> str:
    """Return *text* in a colour, unless NO_COLOR says that colours are not wanted."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **_COLOURS[colour])
