"""An answer that is given later than its function returns."""

from collections.abc import Callable


class Later:
    """The place of one answer. Who receives it sets ``deliver``, who gives it calls that once."""

    __slots__ = ("deliver",)

    def __init__(self) -> None:
        self.deliver: Callable[[bytes], None] = _ignore


class More:
    """The bytes are the beginning of a request: ask again with all of them when there are more."""

    __slots__ = ()


MORE = More()
Answer = bytes | Later | More | None
"""A complete response, the promise of one, or ``None`` from who leaves a request to others."""


def _ignore(data: bytes) -> None:
    """Drop an answer that nobody waits for."""
