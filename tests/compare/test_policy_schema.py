"""The JSON schema of policies says what the program itself takes."""

import re
import tomllib
from datetime import date
from typing import Any

import pytest

from compare.policy.policy import examine, load
from compare.policy.schema import policy_schema

SCHEMA = policy_schema()
GOOD = load("default")[1]
ACCEPT = '[[accept]]\nsignature = "0123456789ab"\nreason = "r"\nby = "b"\nuntil = 2027-01-01\n'
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str, date),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def takes(schema: dict[str, Any], value: Any) -> bool:
    """Say whether *value* is valid: as much of JSON schema as a policy uses."""
    if "$ref" in schema:
        return takes(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value)
    if "anyOf" in schema and not any(takes(one, value) for one in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(takes(one, value) for one in schema["oneOf"]) != 1:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "type" in schema and not isinstance(value, _TYPES[schema["type"]]):
        return False
    return _within(schema, value) and _parts(schema, value)


def _within(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, int | float):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        open_ = (above is None or value > above) and (below is None or value < below)
        return bool(low <= value <= high and open_)
    if isinstance(value, str):
        fits = re.search(schema.get("pattern", ""), value) is not None
        return fits and len(value) >= schema.get("minLength", 0)
    return True


def _parts(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, list):
        items = all(takes(schema["items"], one) for one in value) if "items" in schema else True
        return items and len(value) >= schema.get("minItems", 0)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if schema.get("additionalProperties") is False and not value.keys() <= known.keys():
            return False
        if not value.keys() >= {*schema.get("required", ())}:
            return False
        return all(takes(known[key], one) for key, one in value.items() if key in known)
    return True


@pytest.mark.parametrize("name", ["default", "demo"])
def test_a_built_in_policy_fits_the_schema(name: str) -> None:
    assert takes(SCHEMA, tomllib.loads(load(name)[1]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha = 0.05", "alhpa = 0.05"),
        ("alpha = 0.05", "alpha = 5"),
        ("attempt = 1 ", "attempt = 0 "),
        ('counts = "queue"', 'counts = "queu"'),
        ("target = 0.9999", ""),
        ('kinds = ["missing"', 'kinds = ["mising"'),
        ('kinds = ["missing", "duplicate_lost", "truncated"]', ""),
        ("quantiles = [0.5, 0.9, 0.99]", "quantiles = []"),
        ('stale = "fail"', 'stale = "maybe"'),
        ('name = "default"', ""),
        ('signature = "0123456789ab"', 'signature = "0123456789AB"'),
        ('signature = "0123456789ab"', ""),
        ('signature = "0123456789ab"', 'signature = "0123456789ab"\nwhere = "true"'),
        ('by = "b"', 'by = ""'),
        ('by = "b"', 'by = "b"\nat_most = 0'),
    ],
)
def test_what_the_program_refuses_the_schema_refuses_too(old: str, new: str) -> None:
    text = GOOD + ACCEPT
    assert old in text
    head, found, rest = text.rpartition(old) if old in ACCEPT else text.partition(old)
    wrong = head + new + rest
    assert found
    assert examine(wrong)[0] is None
    assert not takes(SCHEMA, tomllib.loads(wrong))


@pytest.mark.parametrize("part", sorted(SCHEMA["$defs"]))
def test_every_table_is_described(part: str) -> None:
    assert SCHEMA["$defs"][part]["description"]


def test_a_key_has_the_text_of_its_field() -> None:
    text = SCHEMA["$defs"]["Coverage"]["properties"]["min_mirrored_share"]["description"]
    assert text == "Of the requests meant for the candidate, the share that reached it."
