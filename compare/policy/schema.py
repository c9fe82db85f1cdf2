"""The JSON schema of a policy file, for editors that complete and check TOML.

Made from the records that the file becomes; the texts are the docstrings of their fields.
"""

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

import msgspec

from compare.differing.difference import Kind
from compare.policy.accepted import Accepted
from compare.policy.category import CATEGORIES
from compare.policy.policy import Policy, Veto
from compare.policy.shape import Section

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema() -> dict[str, Any]:
    """Return the schema of a policy as plain data."""
    (reference,), parts = msgspec.json.schema_components([Policy], ref_template="#/$defs/{name}")
    for kind in _sections(Section):
        if kind.__name__ in parts:
            _explain(parts[kind.__name__], kind)
    for kind in (Accepted, Veto):
        parts[kind.__name__]["properties"]["kinds"]["items"] = {"enum": [one.value for one in Kind]}
    parts[Veto.__name__]["properties"]["categories"]["items"] = {"enum": list(CATEGORIES)}
    _either(parts[Accepted.__name__], "oneOf", ["signature", "where"])
    _either(parts[Veto.__name__], "anyOf", ["kinds", "categories"])
    return {"$schema": DIALECT, "title": "mixmigrate policy", **reference, "$defs": parts}


def _sections(kind: type[Section]) -> list[type[Section]]:
    found: list[type[Section]] = []
    for one in kind.__subclasses__():
        found += [one, *_sections(one)]
    return found


def _explain(part: dict[str, Any], kind: type[Section]) -> None:
    """Give each key its text, and take out what only says that nothing is given."""
    texts = _field_texts(kind)
    for key, described in part["properties"].items():
        if key in texts:
            described["description"] = texts[key]
        if described.get("default") in ("", None):
            described.pop("default", None)
        if "anyOf" in described:
            _without_null(described)


def _without_null(described: dict[str, Any]) -> None:
    """TOML has no null: a key is given or not."""
    options = [one for one in described.pop("anyOf") if one != {"type": "null"}]
    described.update(options[0] if len(options) == 1 else {"anyOf": options})


def _either(part: dict[str, Any], how: str, keys: list[str]) -> None:
    part[how] = [{"required": [key]} for key in keys]


@cache
def _field_texts(kind: type[Section]) -> dict[str, str]:
    """Return the docstrings that stand below the fields of a class."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except OSError:
        # Without sources the schema is as strict; it only explains less.
        return {}
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                texts[name] = " ".join(text.replace("``", "").split())
    return texts
