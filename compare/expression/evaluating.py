"""Expressions as closures: each node becomes one function of the scope, made once.

The scope is a list: the roots that the expression uses, then one place for each any or all that
is open at once. A node knows its places when it is compiled, so no name is looked up at run time.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import ge, gt, le, lt

from compare.expression import arithmetic, values
from compare.expression.error import EvaluationError
from compare.expression.node import Node, tree
from compare.expression.values import UNDEFINED, exact, is_number

ROOTS = ("properties", "legacy", "candidate", "request", "diff")
"""The names that an expression may use for parts of a record."""

Scope = list[object]
Closure = Callable[[Scope], object]

_BINARY: dict[str, Callable[[object, object], object]] = {
    "+": arithmetic.plus,
    "-": arithmetic.minus,
    "*": arithmetic.times,
    "/": arithmetic.over,
    "%": arithmetic.remainder,
    "==": values.equal,
    "!=": values.unequal,
    "in": values.contains,
    "[]": values.item,
}
_UNARY: dict[str, Callable[[object], object]] = {
    "negative": arithmetic.negative,
    "floor": arithmetic.floor,
    "ceil": arithmetic.ceil,
    "round": arithmetic.nearest,
    "string": arithmetic.as_string,
    "number": arithmetic.as_number,
    "boolean": arithmetic.as_boolean,
    "defined": lambda value: value is not UNDEFINED,
}
_Order = Callable[[int | Decimal, int | Decimal], bool]
_ORDER: dict[str, _Order] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Expression:
    """A parsed text, ready to be asked about many records."""

    __slots__ = ("_closure", "_node", "_order", "_spare", "roots", "text")

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self._node = node
        self._order = tuple(name for name in ROOTS if name in _roots(node))
        self.roots = frozenset(self._order)
        """The roots that the expression uses: the others need not be built."""
        compiler = _Compiler(text, self._order)
        self._closure = compiler.closure(node, {})
        self._spare: Scope = [UNDEFINED] * compiler.open_at_most

    def value(self, record: Mapping[str, object]) -> object:
        """Return the value for *record*, which maps roots to values; one not in it is undefined.

        :raises EvaluationError: an operand of ``and`` or ``or`` is no boolean.
        """
        scope = [record.get(name, UNDEFINED) for name in self._order]
        return self._closure(scope + self._spare)

    def holds(self, record: Mapping[str, object]) -> bool:
        """Say whether the value for *record* is true; no other value keeps a record.

        :raises EvaluationError: an operand of ``and`` or ``or`` is no boolean.
        """
        return self.value(record) is True

    def tree(self) -> dict[str, object]:
        """Return the portable tree, of dicts and lists."""
        return tree(self._node)

    def __repr__(self) -> str:
        """Show the text."""
        return f"Expression({self.text!r})"


def _roots(node: Node) -> set[object]:
    own = {node.value} if node.operator == "root" else set()
    return own.union(*map(_roots, node.children))


class _Compiler:
    def __init__(self, text: str, roots: tuple[str, ...]) -> None:
        self._text = text
        self._roots = roots
        self.open_at_most = 0

    def closure(self, node: Node, places: dict[object, int], opened: int = 0) -> Closure:
        """Return *node* as function; *places* are those of the variables, *opened* their count."""
        name = node.operator
        if name == "literal":
            value = node.value
            return lambda scope: value
        if name in ("root", "variable"):
            at = self._roots.index(str(node.value)) if name == "root" else places[node.value]
            return lambda scope: scope[at]
        if name in ("any", "all"):
            return self._quantified(node, places, opened)
        parts = [self.closure(child, places, opened) for child in node.children]
        if name in ("and", "or"):
            return self._logic(node, parts)
        if name == "list":
            return lambda scope: [part(scope) for part in parts]
        return _operation(name, parts, node)

    def _quantified(self, node: Node, places: dict[object, int], opened: int) -> Closure:
        self.open_at_most = max(self.open_at_most, opened + 1)
        at = len(self._roots) + opened
        items = self.closure(node.children[0], places, opened)
        body = self.closure(node.children[1], {**places, node.value: at}, opened + 1)
        wanted = node.operator == "any"

        def quantified(scope: Scope) -> object:
            found = items(scope)
            if not isinstance(found, list):
                return UNDEFINED
            for one in found:
                scope[at] = one
                if (body(scope) is True) is wanted:
                    return wanted
            return not wanted

        return quantified

    def _logic(self, node: Node, parts: list[Closure]) -> Closure:
        """Return ``and`` or ``or``: operands in order, up to the one that decides."""
        decisive = node.operator == "or"
        text, word = self._text, node.operator
        steps = [(part, child.position) for part, child in zip(parts, node.children, strict=True)]

        def logic(scope: Scope) -> object:
            for part, position in steps:
                value = part(scope)
                if value is True or value is False or value is UNDEFINED:
                    if (value is True) is decisive:
                        return decisive
                else:
                    raise EvaluationError(_wrong(word, value), text, position)
            return not decisive

        return logic


def _wrong(word: str, value: object) -> str:
    kind = values.type_name(value)
    return f"Expected true, false or undefined as operand of {word}, found {kind}."


def _operation(name: str, parts: list[Closure], node: Node) -> Closure:
    first = parts[0]
    if name in _UNARY:
        change = _UNARY[name]
        return lambda scope: change(first(scope))
    if name == "not":
        return lambda scope: _negated(first(scope))
    second = parts[1]
    if name == "not in":
        return lambda scope: _negated(values.contains(first(scope), second(scope)))
    if name in _ORDER:
        return _ordering(_ORDER[name], first, second)
    key = node.children[1]
    if name == "[]" and key.operator == "literal" and type(key.value) is str:
        return _field(first, key.value)
    join = _BINARY[name]
    return lambda scope: join(first(scope), second(scope))


def _field(holder: Closure, name: str) -> Closure:
    """Return the commonest case, a field of a dict, in one step."""

    def field(scope: Scope) -> object:
        found = holder(scope)
        return found.get(name, UNDEFINED) if type(found) is dict else values.item(found, name)

    return field


def _ordering(holds: _Order, left: Closure, right: Closure) -> Closure:
    def ordering(scope: Scope) -> object:
        one, other = left(scope), right(scope)
        if type(one) is int and type(other) is int:
            return holds(one, other)
        if is_number(one) and is_number(other):
            return holds(exact(one), exact(other))
        return UNDEFINED

    return ordering


def _negated(value: object) -> object:
    if value is True or value is False or value is UNDEFINED or value is None:
        return not value
    return UNDEFINED
