"""A view as lines of text."""

from collections.abc import Callable, Sequence

from pyingest.traffic.rates import Rate, View
from pyingest.traffic.stats import ServerState

NOBODY = "(none)"
NAME = 34
"""Columns of a name; a longer one is cut."""
ALARMING = 0.05
"""Share of invalid records from which a row stands out."""

Paint = Callable[[str, str], str]
"""Colours text: ``paint(text, "head" | "alarm" | "dim")``."""


def plain(text: str, colour: str) -> str:
    """Return *text* without colour."""
    return text


def lines(view: View, width: int = 100, paint: Paint = plain) -> list[str]:
    """Return the table of *view*, each line at most *width* columns wide, colours not counted."""
    workers = "1 worker" if view.workers == 1 else f"{view.workers} workers"
    head = f"last {_minutes(view.window)}, {workers}, up {_age(view.up)}"
    found = [paint(head[:width], "head"), *_summary(view, width, paint), ""]
    found += _table("TOKEN", view.tokens, width, paint)
    if view.others is not None:
        most = f"each token not followed all the time: at most {_number(view.others.events)}/s"
        found.append(paint(most[:width], "dim"))
    for title, rates in (("ENDPOINT", view.endpoints), ("LIBRARY", view.libraries)):
        if rates:
            found += ["", *_table(title, rates, width, paint)]
    if view.servers:
        found += ["", *_servers(view.servers, width, paint)]
    return found


def _summary(view: View, width: int, paint: Paint) -> list[str]:
    total = view.total
    sums = (
        f"{_number(total.events)} events/s   {_size(total.bytes)}/s   "
        f"invalid {_share(total.invalid_share)}   not stored {_number(view.unstored)}/s"
    )[:width]
    found = [paint(sums, "alarm") if view.unstored else sums]
    if total.reasons:
        found.append(f"invalid because: {_reasons(total)}"[:width])
    return found


def _table(title: str, rates: Sequence[Rate], width: int, paint: Paint) -> list[str]:
    head = f"{title:<{NAME}} {'EVENTS/S':>10} {'BYTES/S':>10} {'INVALID':>8}  REASONS"
    return [paint(head[:width].rstrip(), "head"), *(_row(rate, width, paint) for rate in rates)]


def _row(rate: Rate, width: int, paint: Paint) -> str:
    about = "" if rate.exact else "~"
    text = (
        f"{_name(rate.name):<{NAME}} {about + _number(rate.events):>10} "
        f"{about + _size(rate.bytes):>10} {_share(rate.invalid_share):>8}  {_reasons(rate)}"
    )[:width].rstrip()
    return paint(text, "alarm") if rate.invalid_share >= ALARMING else text


def _servers(servers: Sequence[ServerState], width: int, paint: Paint) -> list[str]:
    head = f"{'SERVER':<{NAME}} {'IN FLIGHT':>10} {'STORED':>10} {'FAILED':>8}  STATE"
    found = [paint(head[:width], "head")]
    for server in servers:
        state = "dead" if not server.alive else "alive" if not server.dead else "dead for some"
        text = (
            f"{_name(server.name):<{NAME}} {server.in_flight:>10} {server.completed:>10} "
            f"{server.failed:>8}  {state}"
        )[:width]
        found.append(paint(text, "alarm") if server.dead else text)
    return found


def _name(name: str) -> str:
    # A token is what a stranger sent: nothing in it may steer the terminal.
    text = "".join(letter if letter.isprintable() else "?" for letter in name) or NOBODY
    return text if len(text) <= NAME else text[: NAME - 3] + "..."


def _reasons(rate: Rate) -> str:
    return "; ".join(
        f"{count} {''.join(letter for letter in reason if letter.isprintable())}"
        for reason, count in rate.reasons.items()
    )


def _number(number: float) -> str:
    if number >= 1000:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.1f}" if number >= 0.05 or not number else f"{number:.3f}"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _share(share: float) -> str:
    return "-" if not share else f"{share * 100:.2f} %" if share < 0.1 else f"{share * 100:.1f} %"


def _minutes(seconds: int) -> str:
    return "minute" if seconds == 60 else f"{seconds // 60} minutes"


def _age(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
