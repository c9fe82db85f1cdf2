"""What can still be told of a message that is no JSON: cut off, a Python ``repr``, or spoilt."""

import re

from compare.differing.canonical import Unparsable
from compare.pairing.item import Item, term_of

_FRAGMENT = re.compile(rb"""["']([^"'\\]+)["']\s*:\s*u?["']?([^"',\[\]{}]+)""")
_NAMES = ("token", "distinct_id")


def is_broken(item: Item) -> bool:
    """Say whether a message is no JSON."""
    return isinstance(term_of(item.event.body), Unparsable)


def fragments(item: Item) -> frozenset[tuple[str, bytes]]:
    """Return what looks like a key and a plain value, as the bytes have it.

    A message that is cut off still has most of them, and so has a Python ``repr``; of a message
    that is JSON, they can be compared with those of one that is not.
    """
    found = _FRAGMENT.findall(item.event.body)
    return frozenset((key.decode("latin-1"), value.strip()) for key, value in found)


def person(item: Item) -> list[str]:
    """Return the token and the person that the bytes name; empty if they name neither."""
    return [
        f"{key}={value.decode('latin-1')}"
        for key, value in sorted(fragments(item))
        if key.lstrip("$") in _NAMES
    ]
