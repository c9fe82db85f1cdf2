"""Switches as clients spell them (C35)."""

from pyingest.wire.term import Term

_OFF = ("", "0", "false")


def is_on(switch: Term) -> bool:
    """C35. A switch is on as ``1``, ``"1"``, ``"true"``, and off as ``0``, ``"0"``, ``""``,
    ``"false"``, null. Any other text (``verbose=2``, ``yes``) is on.

    Source: bytes of real clients; other texts are our choice.
    """
    if isinstance(switch, str):
        return switch.strip().lower() not in _OFF
    return bool(switch)
