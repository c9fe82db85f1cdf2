"""Conditions of a policy: expressions that say which differences an acceptance speaks of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

ROOTS = ("properties", "legacy", "candidate", "request", "diff")
"""What a condition can ask about: the event's properties, both sides' event, the request, and the
one difference in question, as a list of a single ``{kind, path, legacy, candidate}``."""


class Expression(Protocol):
    """What the language makes of a text."""

    @property
    def roots(self) -> Collection[str]:
        """The roots that it asks about."""

    def holds(self, record: Mapping[str, object], /) -> bool:
        """Say whether it is true of *record*."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that never fails on a record."""

    expression: Expression
    fault: type[Exception]
    """What the language raises when it cannot evaluate."""

    @property
    def roots(self) -> frozenset[str]:
        """Which of ``ROOTS`` a record must hold for it."""
        return frozenset(self.expression.roots)

    def holds(self, record: Mapping[str, object]) -> bool:
        """Say whether it is true of *record*. Where it cannot be evaluated it is not."""
        try:
            return self.expression.holds(record)
        except self.fault:
            return False


class ConditionError(Exception):
    """A text is no expression. The text says where, with a caret under the place."""


def condition(text: str) -> Condition:
    """Return the condition that *text* states.

    :raises ConditionError: it is no expression.
    """
    # Imported when it is needed: most policies hold no expression.
    try:
        language = import_module("compare.expression.parsing")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("compare.expression"):
            raise
        raise ConditionError("this version of mixmigrate has no expressions") from None
    try:
        return Condition(language.parse(text), language.ExpressionError)
    except language.ExpressionError as error:
        raise ConditionError(str(error)) from None
