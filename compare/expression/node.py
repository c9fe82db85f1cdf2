"""The parts of an expression, and the portable tree of them."""

from dataclasses import dataclass, field
from decimal import Decimal

from compare.expression.values import Undefined


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with its operands, or a leaf: ``literal``, ``root`` or ``variable``."""

    operator: str
    position: int
    """Of its first character."""
    children: tuple["Node", ...] = ()
    value: object = None
    """Of a literal; the name of a root or a variable; the variable that any or all binds."""
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the levels."""
        object.__setattr__(self, "depth", 1 + max((one.depth for one in self.children), default=0))


def tree(node: Node) -> dict[str, object]:
    """Return *node* as dicts and lists that JSON can hold.

    ``{"operator": op, "children": [...]}``, as in Mixpanel's SDKs, with leaves ``{"property":
    "literal" | "event" | "root" | "variable", "value": v}``.
    """
    if node.operator == "literal":
        return {"property": "literal", "value": _plain(node.value)}
    if node.operator in ("root", "variable"):
        return {"property": node.operator, "value": node.value}
    children = node.children
    if node.operator == "[]" and _is_literal_property(*children):
        return {"property": "event", "value": children[1].value}
    out: dict[str, object] = {"operator": node.operator, "children": [tree(x) for x in children]}
    if node.operator in ("any", "all"):
        out["variable"] = node.value
    return out


def _is_literal_property(holder: Node, key: Node) -> bool:
    is_root = holder.operator == "root" and holder.value == "properties"
    return is_root and key.operator == "literal" and isinstance(key.value, str)


def _plain(value: object) -> object:
    if isinstance(value, Undefined):
        return {"undefined": True}
    return float(value) if isinstance(value, Decimal) else value
