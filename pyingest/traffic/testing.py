"""Counting steps, for tests of what must not grow."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(operation: Callable[[], object]) -> int:
    """Return how many lines of Python *operation* runs: its elementary steps.

    A step is one of the interpreter's own operations on a dict or a link; none of those that the
    modules here use depends on how much there is.
    """
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # what others hang on the collector is none of ours
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines
