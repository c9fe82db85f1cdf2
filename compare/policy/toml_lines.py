"""On which line of a TOML text a key stands. Good enough to point at; it parses nothing."""

import re

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")
_QUOTES = ('"""', "'''")


def line_of(text: str, path: str) -> int | None:
    """Return the line, counted from 1, of ``gate.rate[1].target``; ``None``: not found.

    A path that is not written is looked for in the table that would hold it.
    """
    places = _places(text)
    while path:
        if path in places:
            return places[path]
        if path.endswith("]") and path.endswith("[1]") and path[:-3] in places:
            return places[path[:-3]]
        path = _above(path)
    return None


def _above(path: str) -> str:
    if path.endswith("]"):
        return path.rpartition("[")[0]
    return path.rpartition(".")[0]


def _places(text: str) -> dict[str, int]:
    """Return the first line of each path; ``gate.rate`` stands for the first ``[[gate.rate]]``."""
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    here, inside = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if inside or line.lstrip().startswith("#"):
            inside = "" if inside and inside in line else inside
            continue
        if table := _TABLE.match(line):
            here = table[2].replace('"', "")
            if table[1] == "[[":
                places.setdefault(here, number)
                counts[here] = counts.get(here, 0) + 1
                here = f"{here}[{counts[here]}]"
            places.setdefault(here, number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"' ")
            places.setdefault(f"{here}.{name}" if here else name, number)
            inside = next((quotes for quotes in _QUOTES if line.count(quotes) == 1), "")
    return places
