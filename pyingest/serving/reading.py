"""A file of settings, with flags on top -> settings, or what is wrong and where."""

import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from ipaddress import ip_network
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from pyingest.amount import numbers_in, why_no_amount
from pyingest.serving.settings import Settings
from pyingest.wire.profile import PROFILES

_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<key>[^`]*)`")
_PLAIN = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a section",
    "array": "a list",
}

S = TypeVar("S", bound=Struct)


class SettingsError(Exception):
    """Settings that cannot be used. The text says which file, which key, and what is allowed."""


def read_settings(path: Path | None, flags: Mapping[str, object]) -> Settings:
    """Return the settings of the file at *path*, with *flags* on top.

    :param flags: dotted keys, such as ``listen.workers``; ``None`` stands for a flag not given.
    :raises SettingsError: the file cannot be read, or a setting is not allowed.
    """
    data = {} if path is None else parse(path)
    where = "the flags" if path is None else str(path)
    put_flags(data, flags, where)
    settings = settings_from(data, where)
    _check(settings, where)
    return settings


def settings_from(data: object, where: str) -> Settings:
    """Return the settings that *data* (as TOML gives it) holds.

    :raises SettingsError: a key is unknown, or a value not allowed.
    """
    return converted(data, Settings, where)


def converted(data: object, kind: type[S], where: str) -> S:
    """Return *data* (as TOML gives it) as a record of that *kind*.

    :raises SettingsError: a key is unknown, or a value not allowed.
    """
    for path, number in numbers_in(data):
        if wrong := why_no_amount(number):
            shown = f"{number} " if isinstance(number, float) else ""
            raise SettingsError(f"{where}: {path}: {shown}{wrong}")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_explained(str(error), kind)}") from None


def put_flags(data: dict[str, Any], flags: Mapping[str, object], where: str) -> None:
    """Put *flags* over the keys of a file; a flag that is ``None`` was not given.

    :raises SettingsError: what should be a section is none.
    """
    for key, value in flags.items():
        if value is None:
            continue
        *sections, name = key.split(".")
        table = data
        for depth, section in enumerate(sections, 1):
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                dotted = ".".join(sections[:depth])
                raise SettingsError(f"{where}: {dotted}: must be a section: [{dotted}]")
        table[name] = value


def parse(path: Path) -> dict[str, Any]:
    """Return what the TOML file at *path* holds.

    :raises SettingsError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); check the path of --config"
        ) from None
    except RecursionError:
        raise SettingsError(f"{path}: is no TOML: nested too deep") from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of more digits than Python reads
        raise SettingsError(f"{path}: is no TOML: {error}") from None


def _explained(message: str, root: type[Struct]) -> str:
    """Return msgspec's *message* as: key path, what is wrong, what is allowed."""
    found = _AT.search(message)
    path = found["path"] if found else ""
    text = message[: found.start()] if found else message
    unknown = _UNKNOWN.search(text)
    if unknown:
        key = f"{path}.{unknown['key']}".lstrip(".")
        what = "key" if path else "section"
        return f"{key}: no such {what}; allowed here: {', '.join(_keys(path, root))}"
    kind = _type_at(path, root)
    words = _words(kind)
    if words:
        return f"{path}: {text[:1].lower()}{text[1:]}; allowed: {', '.join(words)}"
    for word, plain in _PLAIN.items():
        text = text.replace(f"`{word}`", plain)
    return f"{path or 'the file'}: {text[:1].lower()}{text[1:]}"


def _words(kind: Any) -> list[str]:
    """Return the words that *kind* consists of; nothing if it is of another kind."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    return [str(one) for one in get_args(kind)] if get_origin(kind) is Literal else []


def _keys(path: str, root: type[Struct]) -> list[str]:
    """Return the keys of the section at *path*."""
    kind = _type_at(path, root)
    return [one.encode_name for one in msgspec.structs.fields(kind)] if _is_struct(kind) else []


def _type_at(path: str, root: type[Struct]) -> Any:
    """Return the type of what stands at *path*; ``None`` where there is no such key."""
    kind: Any = root
    for name in filter(None, path.split(".")):
        plain, bracket, _ = name.partition("[")
        fields = msgspec.structs.fields(kind) if _is_struct(kind) else ()
        kind = next((one.type for one in fields if one.encode_name == plain), None)
        if bracket:  # an element of a list
            kind = next(iter(get_args(kind)), None)
        kind = _without_none(kind)
    return kind


def _without_none(kind: Any) -> Any:
    """Return what an optional section is when it is there."""
    given = [one for one in get_args(kind) if one is not NoneType]
    return given[0] if len(given) == 1 and NoneType in get_args(kind) else kind


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _check(settings: Settings, where: str) -> None:
    """Look at what types alone cannot say.

    :raises SettingsError: an address, a network or an order is wrong.
    """
    for key, text in (
        ("listen.address", settings.listen.address),
        ("listen.admin", settings.listen.admin or "x:0"),
    ):
        _, colon, port = text.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise SettingsError(f"{where}: {key}: {text!r} is not HOST:PORT, such as 127.0.0.1:0")
    if settings.contract.profile not in PROFILES:
        raise SettingsError(
            f"{where}: contract.profile: this version has only {', '.join(PROFILES)}"
        )
    for text in settings.proxies.trusted:
        try:
            ip_network(text)
        except ValueError as error:
            raise SettingsError(
                f"{where}: proxies.trusted: {error}; write a network such as 10.0.0.0/8"
            ) from None
    buckets = settings.metrics.buckets
    if list(buckets) != sorted(set(buckets)) or not buckets or buckets[0] <= 0:
        raise SettingsError(f"{where}: metrics.buckets: must be positive numbers that grow")


def address(text: str) -> tuple[str, int]:
    """Return host and port of a checked ``HOST:PORT``; IPv6 hosts may stand in brackets."""
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)
