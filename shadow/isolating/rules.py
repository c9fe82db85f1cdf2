"""Rules of the configuration: which requests are mirrored, which are not, which in part.

The first rule that matches decides; each counts its matches, so one that never matched shows.
"""

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from pyingest.message import combined
from pyingest.routing import Endpoint
from pyingest.serving.reading import SettingsError
from pyingest.wire.target import split_as_mochiweb
from shadow.isolating.settings import OneOrMore, RuleSettings, listed
from shadow.isolating.sticky import Person, person
from shadow.routing import Seen

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name, and a method (RFC 9110, section 5.6.2)."""
_ENDPOINTS = tuple(one.value for one in Endpoint)
_CONDITIONS = ("method", "path", "prefix", "regex", "endpoint", "token", "header")


class Look:
    """One request, of which only what some rule asks for is found out, and only once."""

    def __init__(self, request: Seen) -> None:
        self.request = request

    @cached_property
    def path(self) -> bytes:
        """The path as legacy reads it."""
        return split_as_mochiweb(self.request.target)[0]

    @cached_property
    def endpoint(self) -> bytes:
        """The last part of the path."""
        return self.path.removesuffix(b"/").rpartition(b"/")[2]

    @cached_property
    def headers(self) -> dict[bytes, bytes]:
        """By name in lower case."""
        return combined(self.request.headers)

    @cached_property
    def person(self) -> Person:
        """Of whom the request speaks."""
        return person(self.request)


Condition = Callable[[Look], bool]


class Rule:
    """One rule, ready to be asked."""

    def __init__(self, name: str, share: float | None, conditions: Sequence[Condition]) -> None:
        self.name = name
        self.share = share
        """Part of the matching requests that is mirrored; ``None``: none is, they are filtered."""
        self.matches = 0
        self._conditions = tuple(conditions)

    def takes(self, look: Look) -> bool:
        """Return whether the rule matches, and count it if so."""
        for holds in self._conditions:
            if not holds(look):
                return False
        self.matches += 1
        return True


class Rules:
    """All rules, in their order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._rules)

    def first(self, request: Seen) -> Rule | None:
        """Return the first rule that matches *request*."""
        look = Look(request)
        for rule in self._rules:
            if rule.takes(look):
                return rule
        return None

    def counts(self) -> dict[str, int]:
        """Return how many requests each rule decided, by its name."""
        return {rule.name: rule.matches for rule in self._rules}


def rules_of(settings: Sequence[RuleSettings], where: str) -> Rules:
    """Return the rules that the file *where* sets.

    :raises SettingsError: one of them cannot mean anything, or is never reached.
    """
    made: list[Rule] = []
    catch_all = ""
    for number, one in enumerate(settings, 1):
        at = f"{where}: rules[{number}]" + (f" ({one.name})" if one.name else "")
        name = one.name or str(number)
        if name in {rule.name for rule in made}:
            raise SettingsError(f"{at}: name: {name!r} is taken by a rule above; choose another")
        if catch_all:
            raise SettingsError(
                f"{at}: is never reached, since rule {catch_all!r} above matches everything; "
                "give that one a condition, or put it last"
            )
        made.append(Rule(name, _share(one, at), _conditions(one, at)))
        if not any(getattr(one, condition) for condition in _CONDITIONS):
            catch_all = name
    return Rules(made)


def _share(rule: RuleSettings, at: str) -> float | None:
    if rule.action == "sample":
        if rule.share is None:
            raise SettingsError(f"{at}: share: is missing; write which part, such as share = 0.1")
        return rule.share
    if rule.share is not None:
        raise SettingsError(
            f'{at}: share: goes only with action = "sample"; the action is "{rule.action}"'
        )
    return 1.0 if rule.action == "mirror" else None


def _conditions(rule: RuleSettings, at: str) -> list[Condition]:
    """Return what must hold, the cheapest first."""
    made: list[Condition] = []
    if methods := _methods(rule.method, at):
        made.append(lambda look: look.request.method in methods)
    made += _places(rule, at)
    if endpoints := _known(rule.endpoint, at):
        made.append(lambda look: look.endpoint in endpoints)
    if rule.regex:
        search = _pattern(rule.regex, f"{at}: regex").search
        made.append(lambda look: search(look.path) is not None)
    made += [_header(name, text, at) for name, text in rule.header.items()]
    if tokens := frozenset(_bytes(rule.token, f"{at}: token")):
        made.append(lambda look: look.person.token in tokens)
    return made


def _places(rule: RuleSettings, at: str) -> list[Condition]:
    """Return the conditions on the path as it stands."""
    made: list[Condition] = []
    for key, value in (("path", rule.path), ("prefix", rule.prefix)):
        for text in listed(value):
            if not text.startswith("/"):
                raise SettingsError(f"{at}: {key}: {text!r} does not begin with /, as paths do")
    if paths := frozenset(_bytes(rule.path, f"{at}: path")):
        made.append(lambda look: look.path in paths)
    if prefixes := _bytes(rule.prefix, f"{at}: prefix"):
        made.append(lambda look: look.path.startswith(prefixes))
    return made


def _header(name: str, text: str, at: str) -> Condition:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{at}: header: {name!r} is no name of a header")
    key, search = name.lower().encode(), _pattern(text, f"{at}: header.{name}").search

    def holds(look: Look) -> bool:
        value = look.headers.get(key)
        return value is not None and search(value) is not None

    return holds


def _methods(value: OneOrMore, at: str) -> frozenset[bytes]:
    for text in listed(value):
        if not _NAME.fullmatch(text) or text != text.upper():
            raise SettingsError(f"{at}: method: {text!r} is no method; write it as GET or POST")
    return frozenset(_bytes(value, f"{at}: method"))


def _known(value: OneOrMore, at: str) -> frozenset[bytes]:
    for text in listed(value):
        if text not in _ENDPOINTS:
            raise SettingsError(
                f"{at}: endpoint: {text!r} is none; allowed: {', '.join(_ENDPOINTS)}. "
                "For other paths use path, prefix or regex"
            )
    return frozenset(_bytes(value, f"{at}: endpoint"))


def _bytes(value: OneOrMore, at: str) -> tuple[bytes, ...]:
    if value != () and not all(listed(value)):
        raise SettingsError(f"{at}: holds an empty text, which matches nothing; leave it out")
    return tuple(text.encode() for text in listed(value))


def _pattern(text: str, at: str) -> re.Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except re.error as error:
        raise SettingsError(f"{at}: {text!r} is no regular expression: {error}") from None
