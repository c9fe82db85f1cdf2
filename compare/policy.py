"""The policy: what is compared, tolerated, accepted and required."""

import datetime
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from compare.difference import Kind
from compare.shape import ShapeError, build

BUILT_IN = Path(__file__).parent / "policies"
"""Policies that come with the package, by their file names."""

Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Words = Annotated[str, Meta(min_length=1)]


class PolicyError(Exception):
    """A policy cannot be used. The text says which file, where in it, and what is allowed."""


class RateGate(Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the units that must agree: distinct requests, or single events."""

    name: Words
    counts: Literal["queue", "response", "candidate-errors", "events"]
    target: Share
    mode: Literal["gate", "advise"] = "gate"
    max_cluster: Annotated[int, Meta(ge=1)] | None = None
    """Events that one request can carry at most. Events of one request agree or fail together;
    counting each as 1/max_cluster makes a gate on them sound, at max_cluster times the traffic."""


class SloGate(Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the time windows in which the candidate must be fast enough."""

    name: Words
    limit_ms: Positive
    share: Share
    good_windows: Share
    mode: Literal["gate", "advise"] = "gate"


class RelativeGate(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the candidate may be slower than legacy, window by window."""

    name: Words
    quantiles: Annotated[list[Share], Meta(min_length=1)]
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


class Veto(Struct, frozen=True, forbid_unknown_fields=True):
    """Differences that fail a run whatever its rates are, unless they are accepted."""

    kinds: Annotated[list[str], Meta(min_length=1)]
    min_count: Annotated[int, Meta(ge=1)] = 1
    """Requests it takes."""


class Coverage(Struct, frozen=True, forbid_unknown_fields=True):
    """How much traffic a PASS needs at least, whatever the gates say."""

    min_distinct_requests: Annotated[int, Meta(ge=1)] = 1
    min_seconds: Amount = 0.0
    per_endpoint: Annotated[int, Meta(ge=0)] = 0
    """Endpoints with fewer requests are listed as not covered; they do not hold the verdict."""
    tokens: Annotated[int, Meta(ge=0)] = 0
    top_token_share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    min_mirrored_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Of the requests meant for the candidate, the share that reached it."""


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
    veto: list[Veto] = []
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
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise PolicyError(f"policy {source}: {why}; built in are: {names}") from None
    return parse(text, str(path)), text


def parse(text: str, where: str) -> Policy:
    """Return the policy that *text* holds; *where* names it in errors.

    :raises PolicyError: it is no TOML, something in it is unknown or out of range, or it
        contradicts itself.
    """
    try:
        policy = build(Policy, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{where}: not TOML: {error}") from None
    except ShapeError as error:
        raise PolicyError(f"{where}: {error}") from None
    for trouble in _contradictions(policy):
        raise PolicyError(f"{where}: {trouble}")
    return policy


def policy_hash(policy: Policy) -> str:
    """Return a hash of what a policy asks for; comments and order do not change it."""
    return sha256(msgspec.json.encode(policy, order="sorted")).hexdigest()[:16]


def _contradictions(policy: Policy) -> Iterator[str]:
    rates = policy.gate.rate
    if all(rate.mode == "advise" for rate in rates):
        yield (
            'gate.rate: nothing is required; give at least one [[gate.rate]] whose mode is "gate"'
        )
    for number, rate in enumerate(rates, 1):
        yield from _rate_contradictions(f"gate.rate[{number}]", rate)
    gates = [gate.name for gate in rates]
    gates += [gate.name for gate in policy.gate.slo]
    gates += [gate.name for gate in policy.gate.relative]
    for name in _repeated(gates):
        yield f"gate: the name {name!r} is there more than once; give each gate its own"
    kinds = sorted(kind.value for kind in Kind)
    for number, veto in enumerate(policy.veto, 1):
        for kind in veto.kinds:
            if kind not in kinds:
                yield f"veto[{number}].kinds: {kind!r} is not allowed; some of: {', '.join(kinds)}"
    for signature in _repeated([entry.signature for entry in policy.accept]):
        yield f"accept: signature {signature!r} is there more than once; keep one"


def _rate_contradictions(here: str, rate: RateGate) -> Iterator[str]:
    if rate.counts != "events" and rate.max_cluster:
        yield f'{here}.max_cluster: only a rate that counts "events" takes it'
    if rate.counts == "events" and rate.mode == "gate" and not rate.max_cluster:
        yield (
            f"{here}: events of one request agree or fail together, so a gate on events needs "
            'max_cluster, the most events that a request can carry; or set mode = "advise"'
        )


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
