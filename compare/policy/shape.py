"""Plain tables (as TOML gives them) turned into records, with every misfit in words to act on."""

import datetime
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from pyingest.amount import numbers_in, why_no_amount

_NAMES = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "str": "a text in quotes",
    "array": "a list",
    "object": "a table",
    "date": "a date such as 2027-03-01",
}


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a file."""

    def troubles(self) -> Iterable[tuple[str, str]]:
        """Return what fits by itself and contradicts the rest: a key (or ``""``), and why."""
        return ()


Record = TypeVar("Record", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that is wrong with a table."""

    place: str
    """Path as people read it, ``gate.rate[1].target``; empty for the whole."""
    said: str
    key: str = ""
    """Key below *place* that it is about, when *place* itself is not yet the key."""

    @property
    def path(self) -> str:
        """Where to look for it."""
        return _join(self.place, self.key) if self.key else self.place

    def __str__(self) -> str:
        return f"{self.place}: {self.said}" if self.place else self.said


def fit(kind: type[Record], table: object) -> tuple[Record | None, list[Misfit]]:
    """Return *table* as a record of *kind*, or ``None`` with all that is wrong with it.

    A record is asked for its own troubles only when everything below it fits, so that one mistake
    is told once.
    """
    fitting = _Fitting()
    record = fitting.record(kind, table, "")
    return (None if fitting.found else record), fitting.found


@dataclass(slots=True)
class _Fitting:
    found: list[Misfit] = field(default_factory=list)

    def record(self, kind: type[Record], table: object, path: str) -> Record | None:
        if not isinstance(table, Mapping):
            self.found.append(Misfit(path, f"must be a table, not {_told(table)}"))
            return None
        before = len(self.found)
        fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
        for key in table:
            if key not in fields:
                self.found.append(Misfit(path, _unknown(key, list(fields)), key))
        for name, one in fields.items():
            if one.required and name not in table:
                self.found.append(
                    Misfit(path or "the file", f"{name} is missing; it must be given")
                )
        values = {
            fields[key].name: self._value(fields[key].type, value, _join(path, key))
            for key, value in table.items()
            if key in fields
        }
        if len(self.found) > before:
            return None
        record = kind(**values)
        for key, said in record.troubles() if isinstance(record, Section) else ():
            self.found.append(Misfit(_join(path, key) if key else path, said))
        return record

    def _value(self, kind: Any, value: object, path: str) -> object:
        before = len(self.found)
        section = _record_in(kind)
        if section is not None and _is_list(_bare(kind)):
            if not isinstance(value, list):
                self.found.append(Misfit(path, f"must be a list of tables; write [[{path}]]"))
                return None
            places = enumerate(value, 1)
            value = [self.record(section, item, f"{path}[{place}]") for place, item in places]
        elif section is not None:
            value = self.record(section, value, path)
        for _, number in numbers_in(value):
            if wrong := why_no_amount(number):
                self.found.append(Misfit(path, f"{_told(number)} {wrong}"))
        if len(self.found) > before:
            return None
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self.found.append(Misfit(path, _allowed(kind, value, str(error))))
            return None


def _record_in(kind: Any) -> type[msgspec.Struct] | None:
    """Return the record that *kind* is, or is a list of."""
    bare = _bare(kind)
    if _is_list(bare):
        bare = _bare(typing.get_args(bare)[0])
    return bare if isinstance(bare, type) and issubclass(bare, msgspec.Struct) else None


def _is_list(bare: Any) -> bool:
    return typing.get_origin(bare) in (list, tuple)


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


def _unknown(key: str, known: list[str]) -> str:
    return f"unknown key {key!r}{_near(key, known)}; allowed: {', '.join(known)}"


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _told(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
