"""Plain tables (as TOML gives them) turned into records, with errors a person can act on."""

import datetime
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

Record = TypeVar("Record", bound=msgspec.Struct)
_NAMES = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "str": "a text in quotes",
    "array": "a list",
    "object": "a table",
    "date": "a date such as 2027-03-01",
}


class ShapeError(Exception):
    """A table is not of the wanted shape. The text gives the path, and what is allowed."""


def build(kind: type[Record], table: object, path: str = "") -> Record:
    """Return *table* as a record of *kind*, a msgspec struct of structs, lists and leaves.

    :raises ShapeError: a key is unknown or missing, or a value is not allowed there.
    """
    if not isinstance(table, Mapping):
        raise ShapeError(f"{path}: must be a table, not {_told(table)}")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in table:
        if key not in fields:
            raise ShapeError(_unknown(path, key, list(fields)))
    missing = [
        field.name for field in fields.values() if field.required and field.name not in table
    ]
    if missing:
        raise ShapeError(f"{path or 'the file'}: {missing[0]} is missing; it must be given")
    values = {
        key: _value(fields[key].type, value, _join(path, key)) for key, value in table.items()
    }
    return kind(**values)


def _value(kind: Any, value: object, path: str) -> object:
    record = _record_in(kind)
    if record is not None and typing.get_origin(_bare(kind)) is list:
        if not isinstance(value, list):
            raise ShapeError(f"{path}: must be a list of tables; write [[{path}]]")
        value = [build(record, item, f"{path}[{place}]") for place, item in enumerate(value, 1)]
    elif record is not None:
        value = build(record, value, path)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ShapeError(f"{path}: {_allowed(kind, value, str(error))}") from None


def _record_in(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct that *kind* is, or is a list of."""
    bare = _bare(kind)
    if typing.get_origin(bare) is list:
        bare = _bare(typing.get_args(bare)[0])
    return bare if isinstance(bare, type) and issubclass(bare, msgspec.Struct) else None


def _bare(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def _allowed(kind: Any, value: object, error: str) -> str:
    """Say what is allowed, in the words of the file rather than of the type system."""
    bare = _bare(kind)
    if typing.get_origin(bare) is Literal:
        options = [str(option) for option in typing.get_args(bare)]
        return f"{value!r} is not allowed; one of: {', '.join(options)}{_near(str(value), options)}"
    if isinstance(bare, types.UnionType):
        error = error.replace(" | null", "")
    said = error.partition(" - at ")[0].replace("Expected ", "must be ").replace(", got", ", not")
    for name, words in _NAMES.items():
        said = said.replace(f"`{name}`", words)
    if bare is datetime.date:
        said = f"must be {_NAMES['date']}"
    if "matching regex" in said:
        said = f"must match {said.rpartition(' ')[2]}"
    return said if ", not" in said else f"{said}, not {_told(value)}"


def _unknown(path: str, key: str, known: list[str]) -> str:
    place = f"{path}: " if path else ""
    return f"{place}unknown key {key!r}{_near(key, known)}; allowed: {', '.join(known)}"


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _told(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
