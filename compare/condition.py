"""Conditions of a policy: expressions that say which differences an acceptance speaks of."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

ROOTS = ("properties", "legacy", "candidate", "request", "diff")
"""What a condition can ask about: the event's properties, both sides' event, the request, and the
one difference in question, as a list of a single ``{kind, path, legacy, candidate}``."""


class Condition(Protocol):
    """A parsed expression."""

    def holds(self, record: Mapping[str, object], /) -> bool:
        """Say whether it is true of *record*."""


class ConditionError(Exception):
    """A text is no expression. The text says where, with a caret under the place."""


def condition(text: str) -> Condition:
    """Return the condition that *text* states.

    :raises ConditionError: it is no expression.
    """
    # Imported when it is needed: most policies hold no expression.
    try:
        language = import_module("compare.expression.parsing")
    except ModuleNotFoundError:
        raise ConditionError("this version of mixmigrate has no expressions") from None
    try:
        found: Any = language.parse(text)
    except language.ExpressionError as error:
        raise ConditionError(str(error)) from None
    stated: Condition = found
    return stated
