"""What a queue message says about ids, in either contract.

An event names its person in ``properties``, an update at the top. The project's token is beside it,
or in the ``envelope`` that the modern contract adds.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import field

from pyingest.aliasing.store import Alias, Identity


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message is about."""

    token: str
    id: str
    """As text; a whole number in decimal digits."""
    path: tuple[str, ...]
    """Where the message says it."""

    @property
    def identity(self) -> Identity:
        """Return what is looked up."""
        return self.token, self.id


class _Envelope(msgspec.Struct):
    token: Any = None


class _Properties(msgspec.Struct):
    token: Any = None
    distinct_id: Any = None
    sign_distinct_id: Any = field(default=None, name="$distinct_id")
    alias: Any = None
    identified_id: Any = field(default=None, name="$identified_id")
    anon_id: Any = field(default=None, name="$anon_id")
    anon_distinct_id: Any = field(default=None, name="$anon_distinct_id")
    distinct_ids: Any = field(default=None, name="$distinct_ids")


class _Message(msgspec.Struct):
    event: Any = None
    properties: _Properties | None = None
    envelope: _Envelope | None = None
    token: Any = field(default=None, name="$token")
    distinct_id: Any = field(default=None, name="$distinct_id")
    ignore_alias: Any = field(default=None, name="$ignore_alias")


_decoder = msgspec.json.Decoder(_Message)
_PROPERTY = ("properties", "distinct_id")
_SIGN_PROPERTY = ("properties", "$distinct_id")
_UPDATE = ("$distinct_id",)


def read(body: bytes) -> Person | Alias | None:
    """Return whom *body* is about, or the alias that it tells; ``None`` if neither can be read.

    ``$create_alias`` tells that ``alias`` stands for ``distinct_id``; ``$identify`` that
    ``$anon_id`` (or ``$anon_distinct_id``) stands for ``$identified_id`` (or ``distinct_id``);
    ``$merge`` that the second of ``$distinct_ids`` stands for the first. An update with
    ``$ignore_alias`` is about nobody who could be looked up.
    """
    try:
        message = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    properties = message.properties
    if properties is None:
        return _update(message)
    token = _text(properties.token) or _enveloped(message)
    if not token:
        return None
    match message.event:
        case "$create_alias":
            return _alias(token, properties.alias, properties.distinct_id)
        case "$identify":
            anonymous = _text(properties.anon_id) or properties.anon_distinct_id
            identified = _text(properties.identified_id) or properties.distinct_id
            return _alias(token, anonymous, identified)
        case "$merge":
            return _merge(token, properties.distinct_ids)
    if properties.distinct_id is not None:
        return _person(token, properties.distinct_id, _PROPERTY)
    return _person(token, properties.sign_distinct_id, _SIGN_PROPERTY)


def _update(message: _Message) -> Person | None:
    token = _text(message.token) or _enveloped(message)
    if not token or message.ignore_alias in (True, "true"):
        return None
    return _person(token, message.distinct_id, _UPDATE)


def _enveloped(message: _Message) -> str:
    return _text(message.envelope.token) if message.envelope is not None else ""


def _person(token: str, value: Any, path: tuple[str, ...]) -> Person | None:
    name = _text(value)
    return Person(token, name, path) if name else None


def _alias(token: str, alias: Any, target: Any) -> Alias | None:
    one, other = _text(alias), _text(target)
    return Alias(token, one, other) if one and other else None


def _merge(token: str, ids: Any) -> Alias | None:
    match ids:
        case [target, alias] if _text(target) and _text(alias):
            return Alias(token, _text(alias), _text(target), merges=True)
    return None


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    return str(value) if type(value) is int and abs(value) < 1 << 64 else ""
