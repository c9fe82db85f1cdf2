"""Where in a JSON text the values of one member stand."""

import re
from collections.abc import Iterator, Sequence

import msgspec

Span = tuple[int, int]
"""The first byte, and the one after the last."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},]|[^][\s"{},:]+', re.DOTALL)
_QUOTE, _COMMA, _OBJECT, _ARRAY = b'",{['
_ENDS = b"}]"
_OFF = -1
"""Not on the way to the member."""
_LIST = -2


def member_spans(text: bytes, path: Sequence[str]) -> Iterator[Span]:
    """Give the span of each string, number or word that is the member *path* of *text*.

    A name that comes twice gives two spans. Names are compared after their escapes are read, and
    only objects are entered. *text* must be a JSON object (RFC 8259).
    """
    containers: list[int] = []
    """How many names of the path lead to each open object; ``_OFF`` or ``_LIST`` otherwise."""
    value, naming = 0, False
    for found in _TOKEN.finditer(text):
        first = text[found.start()]
        if first == _QUOTE and naming:
            value, naming = _below(containers[-1], found[0], path), False
        elif first == _OBJECT:
            containers.append(value if value < len(path) else _OFF)
            value, naming = _OFF, True
        elif first == _ARRAY:
            containers.append(_LIST)
            value = _OFF
        elif first == _COMMA:
            value, naming = _OFF, containers[-1] != _LIST
        elif first in _ENDS:
            containers.pop()
            naming = False
        elif value == len(path):
            yield found.span()


def _below(level: int, name: bytes, path: Sequence[str]) -> int:
    """Return how many names of *path* lead to the value of *name* in an object of *level*."""
    if level == _OFF:
        return _OFF
    text = name[1:-1].decode() if b"\\" not in name else msgspec.json.decode(name, type=str)
    return level + 1 if text == path[level] else _OFF
