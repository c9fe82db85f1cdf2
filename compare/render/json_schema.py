"""From Python types to JSON Schema, and from JSON Schema to what violates it.

As much of draft 2020-12 as :func:`json_schema` writes, so that a report can be checked where no
validator is installed; tests hold the check to the ``jsonschema`` package.
"""

import ast
import enum
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, Union

Schema = dict[str, Any]
_PLAIN: dict[object, Schema] = {
    Any: {},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    type(None): {"type": "null"},
}


def json_schema(kind: type, computed: Mapping[type, tuple[str, ...]] | None = None) -> Schema:
    """Return the schema of *kind*: a dataclass or ``TypedDict`` of such and of plain types.

    Objects have all their fields and no others. Descriptions are the docstrings. *computed* names
    properties that are written beside a dataclass's fields.

    :raises TypeError: a type has no counterpart in JSON.
    """
    made: dict[str, Schema] = {}
    schema = _Maker(computed or {}, made).of(kind)
    return {**schema, "$defs": dict(sorted(made.items()))}


class _Maker:
    """Makes schemas; those of records go to *made*, by the records' names."""

    def __init__(self, computed: Mapping[type, tuple[str, ...]], made: dict[str, Schema]) -> None:
        self._computed = computed
        self._made = made

    def of(self, kind: Any) -> Schema:
        """Return the schema of *kind*."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return {"enum": [one.value for one in kind]}
        if is_dataclass(kind) or typing.is_typeddict(kind):
            return self._reference(kind)
        return self._generic(kind)

    def _generic(self, kind: Any) -> Schema:
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is Literal:
            return {"enum": list(inner)}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in inner]}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if origin is list or (origin is tuple and inner[-1] is ...):
            return {"type": "array", "items": self.of(inner[0])}
        if origin is tuple:
            each = [self.of(one) for one in inner]
            return {"type": "array", "prefixItems": each, "items": False, "minItems": len(each)}
        raise TypeError(f"{kind!r} has no counterpart in JSON")

    def _reference(self, kind: type) -> Schema:
        if kind.__name__ not in self._made:
            self._made[kind.__name__] = {}  # a record may hold records of its own kind
            self._made[kind.__name__] = self._record(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def _record(self, kind: type) -> Schema:
        said, fields = descriptions(kind), {}
        for name, hint in typing.get_type_hints(kind).items():
            fields[name] = self.of(hint)
        for name in self._computed.get(kind, ()):
            getter = getattr(kind, name).fget
            fields[name] = self.of(typing.get_type_hints(getter)["return"])
            said[name] = inspect.getdoc(getter) or ""
        for name, field in fields.items():
            if said.get(name):
                field["description"] = said[name]
        return {
            "description": inspect.getdoc(kind) or "",
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def descriptions(kind: type) -> dict[str, str]:
    """Return the docstrings that stand below a class's fields, by field; one line each."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        return {}  # made by a call, not by a class statement
    (tree,) = ast.parse(textwrap.dedent(source)).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        above.target.id: " ".join(below.value.value.split())
        for above, below in itertools.pairwise(body)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def violations(value: object, schema: Schema) -> Iterator[str]:
    """Yield where *value*, as JSON gives it, is not what *schema* asks for, and how."""
    yield from _violations(value, schema, schema["$defs"], "")


def _violations(
    value: object, schema: Schema, known: Mapping[str, Schema], path: str
) -> Iterator[str]:
    here = path or "the report"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from _violations(value, known[name], known, path)
    if "anyOf" in schema:
        tried = [list(_violations(value, one, known, path)) for one in schema["anyOf"]]
        if all(tried):
            yield min(tried, key=len)[0]
    if "enum" in schema and value not in schema["enum"]:
        yield f"{here}: {_short(value)} is none of {', '.join(map(str, schema['enum']))}"
    if "type" in schema and not _is_of(value, schema["type"]):
        yield f"{here}: {_short(value)} is no {schema['type']}"
    elif isinstance(value, dict) and "type" in schema:
        yield from _in_object(value, schema, known, path)
    elif isinstance(value, list) and "type" in schema:
        yield from _in_list(value, schema, known, path)


def _in_object(
    value: dict[str, Any], schema: Schema, known: Mapping[str, Schema], path: str
) -> Iterator[str]:
    fields, further = schema.get("properties", {}), schema["additionalProperties"]
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path or 'the report'}: {name!r} is missing"
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        if name in fields:
            yield from _violations(inner, fields[name], known, here)
        elif further is False:
            yield f"{here}: unknown"
        else:
            yield from _violations(inner, further, known, here)


def _in_list(
    value: list[Any], schema: Schema, known: Mapping[str, Schema], path: str
) -> Iterator[str]:
    first = schema.get("prefixItems", [])
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: {len(value)} items, too few"
    if schema["items"] is False and len(value) > len(first):
        yield f"{path}: {len(value)} items, too many"
    for place, inner in enumerate(value):
        each = first[place] if place < len(first) else schema["items"]
        if each is not False:
            yield from _violations(inner, each, known, f"{path}[{place}]")


def _is_of(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    wanted: dict[str, type | tuple[type, ...]] = {
        "number": (int, float),
        "string": str,
        "null": type(None),
        "object": dict,
        "array": list,
    }
    return name in wanted and isinstance(value, wanted[name])


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else said[:59] + "…"
