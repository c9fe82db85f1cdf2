"""The policy: what is compared, tolerated, accepted and required."""

import datetime
import difflib
import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

BUILT_IN = Path(__file__).parent / "policies"
"""Policies that come with the package, by their file names."""
_UNKNOWN = re.compile(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")

Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]


class PolicyError(Exception):
    """A policy cannot be used. The text says which file, where in it, and what is allowed."""


class RateGate(Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the distinct requests that must agree."""

    name: str
    counts: Literal["queue", "response", "candidate-errors"]
    target: Share
    mode: Literal["gate", "advise"] = "gate"


class SloGate(Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the time windows in which the candidate must be fast enough."""

    name: str
    limit_ms: Positive
    share: Share
    good_windows: Share
    mode: Literal["gate", "advise"] = "gate"


class RelativeGate(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the candidate may be slower than legacy, window by window."""

    name: str
    quantiles: list[Share]
    ratio: Annotated[float, Meta(ge=1)]
    slack_ms: Annotated[float, Meta(ge=0)]
    net_worse: Share
    mode: Literal["gate", "advise"] = "gate"


class Latency(Struct, frozen=True, forbid_unknown_fields=True):
    """What the latency gates share."""

    window_seconds: Positive = 10.0


class Gate(Struct, frozen=True, forbid_unknown_fields=True):
    """All gates. A run passes when each does."""

    alpha: Share = 0.05
    beta: Share = 0.05
    rate: list[RateGate] = []
    slo: list[SloGate] = []
    relative: list[RelativeGate] = []
    latency: Latency = Latency()


class Coverage(Struct, frozen=True, forbid_unknown_fields=True):
    """How much traffic a PASS needs at least, whatever the gates say."""

    min_distinct_requests: Annotated[int, Meta(ge=1)] = 1
    min_seconds: Annotated[float, Meta(ge=0)] = 0.0


class NoiseRules(Struct, frozen=True, forbid_unknown_fields=True):
    """Differences that are expected."""

    server_time_seconds: Annotated[float, Meta(ge=0)] = 2.0


class Compare(Struct, frozen=True, forbid_unknown_fields=True):
    """What of an answer is compared besides status and body."""

    headers: tuple[str, ...] = ("content-type",)


class Accepted(Struct, frozen=True, forbid_unknown_fields=True):
    """A difference that a reviewer declared equivalent."""

    signature: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    reason: Annotated[str, Meta(min_length=1)]
    by: Annotated[str, Meta(min_length=1)]
    until: datetime.date

    def is_current(self, today: datetime.date) -> bool:
        """Return whether the acceptance still holds on *today*."""
        return today <= self.until


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is judged by."""

    name: str
    gate: Gate
    relaxed: list[str] = []
    """Sentences that say where this policy asks for less than the default; reports print them."""
    coverage: Coverage = Coverage()
    noise: NoiseRules = NoiseRules()
    compare: Compare = Compare()
    accept: list[Accepted] = []


def load(source: str) -> tuple[Policy, str]:
    """Return the policy that *source* names (a built-in name or a file) and its text.

    :raises PolicyError: there is no such policy, or it is wrong.
    """
    path = BUILT_IN / f"{source}.toml"
    if not path.exists():
        path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(one.stem for one in BUILT_IN.glob("*.toml")))
        raise PolicyError(f"policy {source}: {error}; built in are {names}") from None
    return parse(text, str(path)), text


def parse(text: str, where: str) -> Policy:
    """Return the policy that *text* holds; *where* names it in errors.

    :raises PolicyError: it is no TOML, or something in it is unknown or out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Policy)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{where}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise PolicyError(f"{where}: {_in_words(str(error))}") from None


def policy_hash(policy: Policy) -> str:
    """Return a hash of what a policy asks for; comments and order do not change it."""
    return sha256(msgspec.json.encode(policy, order="sorted")).hexdigest()[:16]


def _in_words(error: str) -> str:
    unknown = _UNKNOWN.search(error)
    if unknown is None:
        return error.replace("`$.", "`").replace("`$`", "the top level")
    name, place = unknown[1], unknown[2] or ""
    near = difflib.get_close_matches(name, _names(Policy), n=1)
    section = f"[{place}]" if place else "the top level"
    return f"unknown key {name!r} in {section}" + (f"; did you mean {near[0]!r}?" if near else "")


def _names(struct: Any) -> list[str]:
    """Return every key that a policy may hold, wherever."""
    names: list[str] = []
    for one in msgspec.structs.fields(struct):
        names.append(one.name)
        for inner in (one.type, *getattr(one.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, Struct):
                names += _names(inner)
    return names
