"""The rules of cleaning as data: for documentation, listings and counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyingest.cleaning import (
    enveloping,
    identity,
    ids,
    mending,
    operations,
    places,
    special,
    switches,
    times,
    values,
)
from pyingest.cleaning.examples import Example, Part
from pyingest.routing import Endpoint


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, the function that keeps it, and how it looks at work."""

    number: str
    """As in the documentation: ``C1``."""
    name: str
    """As in the notes of a cleaned record, and in counts: ``time_in_seconds``."""
    function: Callable[..., Any]
    example: Example

    @property
    def summary(self) -> str:
        """What the rule says, in a sentence or three."""
        first = (self.function.__doc__ or "").split("\n\n")[0]
        return _plain(first).removeprefix(f"{self.number}. ")

    @property
    def source(self) -> str:
        """Where the rule comes from."""
        return _plain((self.function.__doc__ or "").partition("Source:")[2]).strip(". ")


_TRACK, _ENGAGE = Endpoint.TRACK, Endpoint.ENGAGE


def _event(before: str, after: str, part: Part = Part.PROPERTIES, address: str = "") -> Example:
    return Example(before, after, part=part, address=address)


def _strict(before: str, after: str) -> Example:
    return Example(before, after, Endpoint.IMPORT, strict=True)


def _update(before: str, after: str) -> Example:
    return Example(before, after, _ENGAGE, Part.RECORD)


def _time(wrong: str) -> str:
    return f"refused: 'properties.time' is invalid: {wrong}"


RULES: tuple[Rule, ...] = (
    Rule(
        "C1",
        "time_in_seconds",
        times.time_in_seconds,
        _event('{"time": 1300000000123}', '{"time": 1300000000.123}'),
    ),
    Rule("C2", "time_of_receipt", times.time_of_receipt, _event("{}", '{"time": 1795232317.22}')),
    Rule(
        "C3",
        "future_time",
        times.future_time,
        _event('{"time": 1795318717}', '{"time": 1795232317.22}'),
    ),
    Rule(
        "C4",
        "time_before_1971",
        times.time_before_1971,
        _strict('{"time": 5}', _time("must be specified as seconds since epoch")),
    ),
    Rule(
        "C5",
        "unusable_time",
        times.unusable_time,
        _event('{"time": "yesterday"}', '{"time": "yesterday"}', Part.ENVELOPED),
    ),
    Rule(
        "C6",
        "token",
        identity.token,
        _event(r'{"token": " abc\n"}', '{"token": "abc"}', Part.ENVELOPED),
    ),
    Rule(
        "C7",
        "event_name",
        identity.event_name,
        _event('{"event": 42}', '{"event": "42"}', Part.RECORD),
    ),
    Rule(
        "C8",
        "distinct_id",
        identity.person,
        _event('{"distinct_id": 13793}', '{"distinct_id": "13793"}'),
    ),
    Rule(
        "C9",
        "disallowed_id",
        ids.allowed_ids,
        _strict(
            '{"distinct_id": "undefined"}',
            "refused: 'properties.distinct_id' is invalid: must identify something",
        ),
    ),
    Rule(
        "C10",
        "person_from_address",
        identity.person_from_address,
        _event(
            "{}", '{"distinct_id": "h:1492ec80907d31bc7318cdbd7dc9dd0a"}', address="203.0.113.9"
        ),
    ),
    Rule(
        "C11",
        "event_place",
        places.event_place,
        _event(
            '{"ip": "136.24.0.114"}',
            '{"$city": "San Francisco", "$region": "California", "mp_country_code": "US"}',
        ),
    ),
    Rule(
        "C12",
        "profile_place",
        places.profile_place,
        _update('{"$ip": "0", "$set": {"a": 1}}', '{"$set": {"a": 1}}'),
    ),
    Rule(
        "C13",
        "coordinates",
        places.has_coordinates,
        _event(
            '{"$latitude": 1.5, "$longitude": 2, "ip": "136.24.0.114"}',
            '{"$latitude": 1.5, "$longitude": 2}',
        ),
    ),
    Rule(
        "C14",
        "cut",
        values.cut,
        _event('{"a": "' + "x" * 300 + '"}', '{"a": "' + "x" * 255 + '"}'),
    ),
    Rule(
        "C15",
        "limits",
        values.tidy,
        _event('{"a": [[[[1, 2]]]]}', '{"a": [[["[1,2]"]]]}'),
    ),
    Rule(
        "C16",
        "null",
        values.is_flat,
        _event('{"$browser_version": null}', '{"$browser_version": null}'),
    ),
    Rule("C17", "finite", values.finite, _event('{"a": NaN}', '{"a": null}')),
    Rule(
        "C18",
        "big_integer",
        mending.integer,
        _event('{"a": 12345678901234567890}', '{"a": 12345678901234567890}'),
    ),
    Rule("C19", "repeated_names", mending.last_of_each, _event('{"a": 1, "a": 2}', '{"a": 2}')),
    Rule("C20", "utf8", mending.well_formed, _event(r'{"a": "\ud800x"}', r'{"a": "\ufffdx"}')),
    Rule("C21", "nul", mending.without_nul, _event(r'{"a": "a\u0000b"}', '{"a": "ab"}')),
    Rule(
        "C22",
        "insert_id",
        ids.insert_id,
        _event("{}", '{"$insert_id": "sv-3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f"}'),
    ),
    Rule("C23", "ignore", identity.ignored, _event('{"$ignore": "bot"}', "dropped")),
    Rule(
        "C24",
        "reserved_names",
        identity.reserved_names,
        _event('{"bucket": "b", "mp_a": 1}', '{"_bucket": "b", "mp_a": 1}'),
    ),
    Rule(
        "C25",
        "special_event",
        special.special_event,
        Example(
            '{"event": "$create_alias", "properties": {"token": "t", "distinct_id": "u"}}',
            "refused: alias, missing or empty",
            part=Part.RECORD,
        ),
    ),
    Rule(
        "C26",
        "unknown_keys",
        enveloping.unknown_keys,
        _event('{"id": 7, "$mp_metadata": {"a": 1}}', '{"$mp_metadata": {"a": 1}}', Part.RECORD),
    ),
    Rule(
        "C27",
        "profile_time",
        times.profile_time,
        _update('{"$time": 1795232234748, "$set": {}}', '{"$set": {}, "$time": 1795232234.748}'),
    ),
    Rule(
        "C28",
        "ignore_time",
        operations.ignore_time,
        _update('{"$ignore_time": "true", "$set": {}}', '{"$ignore_time": true, "$set": {}}'),
    ),
    Rule(
        "C29",
        "ignore_alias",
        operations.ignore_alias,
        _update('{"$ignore_alias": "true", "$set": {}}', '{"$ignore_alias": true, "$set": {}}'),
    ),
    Rule(
        "C30",
        "delete",
        operations.delete,
        _update('{"$delete": "null"}', '{"$delete": true}'),
    ),
    Rule("C31", "unset", operations.unset, _update('{"$unset": "a"}', '{"$unset": ["a"]}')),
    Rule("C32", "add", operations.add, _update('{"$add": {"n": "2"}}', '{"$add": {"n": 2}}')),
    Rule(
        "C33",
        "union",
        operations.union,
        _update('{"$union": {"t": "x"}}', '{"$union": {"t": ["x"]}}'),
    ),
    Rule(
        "C34",
        "transactions",
        operations.transactions,
        _update(
            '{"$append": {"$transactions": {"$amount": 9.5}}}',
            '{"$append": {"$transactions": {"$amount": 9.5, "$time": "2026-11-21T03:38:37"}}}',
        ),
    ),
    Rule(
        "C35",
        "switch",
        switches.is_on,
        _update('{"$ignore_time": "0", "$set": {}}', '{"$ignore_time": false, "$set": {}}'),
    ),
    Rule(
        "C36",
        "envelope",
        enveloping.envelope,
        _event(
            '{"mp_lib": "web"}',
            '{"token": "t", "endpoint": "track", "received": 1795232317.22, "lib": "web",'
            ' "request_id": "r1",  "address": "203.0.113.9",'
            ' "content_hash": "5d2898b133dc553b8307319c469fe472"}',
            Part.ENVELOPED,
            address="203.0.113.9",
        ),
    ),
)
"""Every rule, in the order of its number."""


def _plain(text: str) -> str:
    """Return a docstring's *text* as one line of Markdown."""
    return " ".join(text.replace("``", "`").split())
