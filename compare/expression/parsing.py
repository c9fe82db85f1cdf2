"""text -> :class:`Expression`. Precedence climbing, so that nesting costs few stack frames."""

from difflib import get_close_matches
from typing import NoReturn

from compare.expression.error import ExpressionError
from compare.expression.evaluating import ROOTS, Expression
from compare.expression.node import Node
from compare.expression.tokens import Kind, Token, tokens
from compare.expression.values import UNDEFINED

DEEPEST = 100
"""Levels of nesting that an expression may have; each term of a sum or product is one too."""
FUNCTIONS = ("boolean", "number", "string", "defined", "floor", "round", "ceil")
QUANTIFIERS = ("any", "all")
LITERALS = {"true": True, "false": False, "undefined": UNDEFINED, "null": None}
OPERATORS = ("and", "or", "not", "in")
RESERVED = {*FUNCTIONS, *QUANTIFIERS, *LITERALS, *OPERATORS}

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY = range(1, 8)
_POWERS = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(["==", "!=", ">", ">=", "<", "<=", "in", "not in"], _COMPARE),
    **dict.fromkeys(["+", "-"], _SUM),
    **dict.fromkeys(["*", "/", "%"], _PRODUCT),
}


def parse(text: str) -> Expression:
    """Return the expression that *text* writes.

    :raises ExpressionError: it writes none; the error shows the place.
    """
    return Expression(text, _Parser(text).whole())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._level = 0
        self._bound: list[str] = []

    def whole(self) -> Node:
        node = self._expression(_OR)
        if self._next.kind is not Kind.END:
            self._fail("an operator or the end")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _sees(self, *words: str) -> bool:
        token = self._next
        return token.kind in (Kind.SIGN, Kind.NAME) and token.written in words

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str, what: str = "") -> Token:
        if not self._sees(sign):
            self._fail(f"{sign}{what}")
        return self._take()

    def _fail(self, expected: str, advice: str = "") -> NoReturn:
        self._refuse(f"Expected {expected}, found {self._next}{advice}.", self._next.position)

    def _refuse(self, message: str, position: int) -> NoReturn:
        raise ExpressionError(message, self._text, position)

    def _node(
        self, operator: str, position: int, children: tuple[Node, ...], value: object = None
    ) -> Node:
        node = Node(operator, position, children, value)
        if node.depth > DEEPEST:
            self._refuse(_TOO_DEEP, position)
        return node

    def _expression(self, power: int) -> Node:
        self._level += 1
        if self._level > DEEPEST:
            self._refuse(_TOO_DEEP, self._next.position)
        left = self._prefix(power)
        while operator := self._operator(power):
            left = self._joined(left, operator)
        self._level -= 1
        return left

    def _operator(self, power: int) -> str:
        """Take the next operator if it binds at least as *power* does, else return nothing."""
        if not self._sees(*_POWERS, "not"):
            return ""
        word = "not in" if self._sees("not") else self._next.written
        if _POWERS[word] < power:
            return ""
        self._take()
        if word == "not in":
            self._expect("in", " after not")
        return word

    def _joined(self, left: Node, operator: str) -> Node:
        power = _POWERS[operator]
        right = self._expression(power + 1)
        if power == _COMPARE and self._sees("==", "!=", ">", ">=", "<", "<=", "in", "not"):
            self._fail("and, or, or the end", "; comparisons are not chained, join them with and")
        if power > _AND:
            return self._node(operator, left.position, (left, right))
        # and, or: one node for all operands, so that a long list of them is not deep.
        before = left.children if left.operator == operator else (left,)
        self._check_operand(operator, left)
        self._check_operand(operator, right)
        return self._node(operator, left.position, (*before, right))

    def _check_operand(self, operator: str, operand: Node) -> None:
        literal = operand.operator == "literal"
        if operand.operator == "list" or (
            literal and operand.value is not UNDEFINED and type(operand.value) is not bool
        ):
            found = self._text[operand.position : operand.position + 30].split("\n")[0]
            message = f"Expected true, false or undefined as operand of {operator}, found {found}."
            self._refuse(message, operand.position)

    def _prefix(self, power: int) -> Node:
        position = self._next.position
        if self._sees("not"):
            if power > _NOT:
                self._fail("a value", "; put brackets around not and its operand")
            self._take()
            return self._node("not", position, (self._expression(_NOT),))
        if self._sees("-"):
            self._take()
            return self._node("negative", position, (self._expression(_UNARY),))
        return self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        while self._sees("["):
            self._take()
            key = self._expression(_OR)
            self._expect("]", " after the key")
            node = self._node("[]", node.position, (node, key))
        return node

    def _primary(self) -> Node:
        token = self._next
        if token.kind in (Kind.NUMBER, Kind.TEXT):
            return Node("literal", self._take().position, value=token.value)
        if token.kind is Kind.NAME and token.written not in OPERATORS:
            return self._named(self._take())
        if self._sees("["):
            return self._node("list", self._take().position, tuple(self._items()))
        if not self._sees("("):
            self._fail("a value")
        self._take()
        node = self._expression(_OR)
        self._expect(")")
        return node

    def _items(self) -> list[Node]:
        items: list[Node] = []
        while not self._sees("]"):
            if items:
                self._expect(",", " or ]")
            items.append(self._expression(_OR))
        self._take()
        return items

    def _named(self, token: Token) -> Node:
        name, position = token.written, token.position
        if name in LITERALS:
            return Node("literal", position, value=LITERALS[name])
        if name in FUNCTIONS:
            self._expect("(", f" after {name}")
            argument = self._expression(_OR)
            self._expect(")", f" after the one value that {name} takes")
            return self._node(name, position, (argument,))
        if name in QUANTIFIERS:
            return self._quantified(token)
        if name in ROOTS:
            return Node("root", position, value=name)
        if name in self._bound:
            return Node("variable", position, value=name)
        return self._unknown(token)

    def _quantified(self, token: Token) -> Node:
        self._expect("(", f" after {token.written}")
        name = self._variable()
        self._expect(",", " after the name")
        items = self._expression(_OR)
        self._expect(",", " after the list")
        self._bound.append(name)
        body = self._expression(_OR)
        self._bound.pop()
        self._expect(")")
        return self._node(token.written, token.position, (items, body), name)

    def _variable(self) -> str:
        token = self._next
        if token.kind is not Kind.NAME:
            self._fail("a name for the item, such as X")
        if token.written in ROOTS:
            self._fail("a name for the item, such as X", ", which always means the record's own")
        if token.written in RESERVED:
            self._fail("a name for the item, such as X", ", a word of the language")
        return self._take().written

    def _unknown(self, token: Token) -> NoReturn:
        is_call = self._sees("(")
        allowed = [*FUNCTIONS, *QUANTIFIERS] if is_call else [*ROOTS, *self._bound]
        near = _near(token.written, [*allowed, *RESERVED])
        advice = f" Did you mean {near}?" if near else ""
        kind = "a function" if is_call else "a name"
        message = f"Expected {kind} that is known here ({', '.join(allowed)}), found {token}."
        self._refuse(message + advice, token.position)


def _near(name: str, allowed: list[str]) -> str:
    known = {one.lower(): one for one in allowed}
    near = get_close_matches(name.lower(), known, 1)
    return known[near[0]] if near else ""


_TOO_DEEP = f"Expected at most {DEEPEST} levels of nesting, found more."
