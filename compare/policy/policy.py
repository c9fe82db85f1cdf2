"""The policy: what is compared, tolerated, accepted and required."""

import math
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from compare.judging.evidence import boundary, spent
from compare.noise.rules import FieldRule
from compare.policy.accepted import Accepted, Accepting, unknown_kind
from compare.policy.category import CATEGORIES
from compare.policy.shape import Misfit, Section, fit
from compare.policy.toml_lines import line_of

BUILT_IN = Path(__file__).parent / "policies"
"""Policies that come with the package, by their file names."""

Share = Annotated[float, Meta(gt=0, lt=1)]
Part = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Words = Annotated[str, Meta(min_length=1)]
Mode = Literal["gate", "advise"]
STRATA = {"1": 1, "2-10": 10}
"""Events that a request of a stratum can hold at most; ``11+`` has no bound of its own."""


class PolicyError(Exception):
    """A policy cannot be used. The text says which file, where in it, and what is allowed."""


class RateGate(Section, frozen=True):
    """A share of the units that must agree: distinct requests, projects, or single events."""

    name: Words
    counts: Literal["queue", "response", "candidate-errors", "events", "tokens"]
    target: Share
    mode: Mode = "gate"
    max_cluster: Count | None = None
    """Events that one request can carry at most. Events of one request agree or fail together;
    counting each as 1/max_cluster makes a gate on them sound, at max_cluster times the traffic."""
    stratum: Literal["1", "2-10", "11+"] | None = None
    """Count only the events of requests that hold so many: cheaper than one large max_cluster."""

    @property
    def allowed(self) -> float:
        """The rate of mismatches that the target leaves."""
        # 1 - 0.9999 is a little more than 0.0001; the gate must not be laxer than it says.
        return round(1 - self.target, 12)

    @property
    def is_of_requests(self) -> bool:
        """Whether distinct requests are counted."""
        return self.counts in ("queue", "response", "candidate-errors")

    @property
    def cluster(self) -> int | None:
        """Events that a request counted here can hold at most; ``None``: not known."""
        return self.max_cluster or STRATA.get(self.stratum or "")

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield what is only for events, and what a gate on events lacks."""
        if self.counts != "events":
            for key in ("max_cluster", "stratum"):
                if getattr(self, key):
                    yield key, 'only a rate that counts "events" takes it'
        elif self.mode == "gate" and not self.cluster:
            yield (
                "",
                "events of one request agree or fail together, so a gate on events needs "
                "max_cluster, the most events that a request can carry; "
                'or set mode = "advise"',
            )
        if self.max_cluster and self.max_cluster < STRATA.get(self.stratum or "", 0):
            yield "max_cluster", f"a request of stratum {self.stratum!r} can hold more events"


class SloGate(Section, frozen=True):
    """A share of the time windows in which the candidate must be fast enough."""

    name: Words
    limit_ms: Positive
    share: Share
    good_windows: Share
    mode: Mode = "gate"


class RelativeGate(Section, frozen=True):
    """How often the candidate may be slower than legacy, window by window."""

    name: Words
    quantiles: Annotated[list[Share], Meta(min_length=1)]
    ratio: Annotated[float, Meta(ge=1)]
    slack_ms: Amount
    net_worse: Share
    mode: Mode = "gate"


class Latency(Section, frozen=True):
    """What the latency gates share."""

    window_seconds: Positive = 10.0


class Gate(Section, frozen=True):
    """All gates. A run passes when each does."""

    alpha: Share = 0.05
    """Chance of a false PASS of the whole run, however often one looks."""
    beta: Share = 0.05
    """Chance of a false FAIL, shared out among the gates."""
    attempts: Literal["restart", "spend"] = "restart"
    """Whether each build has the whole alpha, or the j-th has alpha/(j(j+1)) of it."""
    attempt: Count = 1
    """Which build of the candidate this is, counted from 1."""
    on_undecided: Literal["exit-3", "pass", "fail"] = "exit-3"
    """The exit code of UNDECIDED, for a pipeline that knows two colours; never the verdict."""
    max_requests: Count | None = None
    """Distinct requests after which UNDECIDED is final."""
    rate: tuple[RateGate, ...] = ()
    slo: tuple[SloGate, ...] = ()
    relative: tuple[RelativeGate, ...] = ()
    latency: Latency = Latency()

    @property
    def attempt_alpha(self) -> float:
        """Chance of a false PASS that this attempt has: alpha, or the part it may spend."""
        return self.alpha if self.attempts == "restart" else spent(self.alpha, self.attempt)

    @property
    def clean_requests(self) -> int:
        """Distinct requests that the rate gates take when none of them mismatches."""
        enough = boundary(0, self.attempt_alpha)
        counted = [rate for rate in self.rate if rate.mode == "gate" and rate.is_of_requests]
        return max((math.ceil(enough / rate.allowed) for rate in counted), default=0)

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield that nothing is required, and names that are there twice."""
        if all(rate.mode == "advise" for rate in self.rate):
            yield (
                "rate",
                'nothing is required; give at least one [[gate.rate]] whose mode is "gate"',
            )
        names = [gate.name for gate in self.rate] + [gate.name for gate in self.slo]
        names += [gate.name for gate in self.relative]
        for name in _repeated(names):
            yield "", f"the name {name!r} is there more than once; give each gate its own"


class Veto(Section, frozen=True):
    """Differences that fail a run whatever its rates are, unless they are accepted."""

    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Groups of kinds: ``lost``, ``surplus``, ``routing``, ``field``, ``type``, ``value``,
    ``text``, ``order``, ``unparsable``, ``answer``."""
    min_count: Count = 1
    """Requests it takes."""

    @property
    def vetoed(self) -> frozenset[str]:
        """All kinds that it speaks of."""
        grouped = {kind.value for name in self.categories for kind in CATEGORIES[name]}
        return frozenset({*self.kinds, *grouped})

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield unknown kinds and categories, and that there is neither."""
        if not self.kinds and not self.categories:
            yield "", "nothing is vetoed; give kinds or categories"
        for kind in self.kinds:
            yield from unknown_kind(kind)
        for name in self.categories:
            if name not in CATEGORIES:
                known = ", ".join(CATEGORIES)
                yield "categories", f"{name!r} is not allowed; some of: {known}"


class Coverage(Section, frozen=True):
    """How much traffic a PASS needs at least, whatever the gates say."""

    min_distinct_requests: Count = 1
    min_seconds: Amount = 0.0
    per_endpoint: Annotated[int, Meta(ge=0)] = 0
    """Endpoints with fewer requests are listed as not covered; they do not hold the verdict."""
    per_dialect: Annotated[int, Meta(ge=0)] = 0
    """The same for client libraries, charsets and batch sizes."""
    tokens: Annotated[int, Meta(ge=0)] = 0
    top_token_share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    min_mirrored_share: Part = 0.0
    """Of the requests meant for the candidate, the share that reached it."""
    max_unseen: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of further traffic that may be of a shape the run has not seen, at most."""


class Validity(Section, frozen=True):
    """When a measurement cannot be trusted. What a run does not tell is not held against it."""

    late_after_seconds: Positive = 30.0
    """A pair of events is late when they came further apart than this."""
    max_late_share: Part = 0.001
    """Pairs of events that are late."""
    max_lag_ms: Amount = 5.0
    """How late the load generator sent its requests, at its 99th percentile."""
    max_dropped_share: Part = 0.001
    """Planned requests that the load generator did not send."""
    max_legacy_error_share: Part = 0.01
    """Distinct requests that legacy itself failed."""
    require_calibration: bool = False
    """Whether legacy must have been compared with itself before, by 2 995 requests at least."""


class NoiseRules(Section, frozen=True):
    """Differences that are expected."""

    server_time_seconds: Amount = 2.0
    calibrated_requests: Annotated[int, Meta(ge=0)] = 0
    """Requests by which legacy was compared with itself, as ``mixmigrate calibrate`` tells."""
    field: tuple[FieldRule, ...] = ()
    """Fields that differ by themselves; written by hand or by ``mixmigrate calibrate``."""


class Compare(Section, frozen=True):
    """What of an answer is compared besides status and body."""

    headers: tuple[str, ...] = ("content-type",)
    order: bool = True
    """Whether to count events of one person that lie in another order on the two queues."""


class Policy(Section, frozen=True):
    """What a run is judged by."""

    name: str
    gate: Gate
    relaxed: tuple[str, ...] = ()
    """Sentences that say where this policy asks for less than the default; reports print them."""
    veto: tuple[Veto, ...] = ()
    coverage: Coverage = Coverage()
    validity: Validity = Validity()
    noise: NoiseRules = NoiseRules()
    compare: Compare = Compare()
    accepting: Accepting = Accepting()
    accept: tuple[Accepted, ...] = ()

    @property
    def clean_requests(self) -> int:
        """Distinct requests that a PASS takes when none of them mismatches."""
        return max(self.gate.clean_requests, self.coverage.min_distinct_requests)

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield acceptances that are there twice, and limits that exclude one another."""
        for key in _repeated([entry.key for entry in self.accept]):
            what = "expression" if key.startswith("where:") else "signature"
            yield "accept", f"{what} {key!r} is there more than once; keep one"
        most = self.gate.max_requests
        if most is not None and most < self.clean_requests:
            yield (
                "gate.max_requests",
                f"{most:,} is too few: a PASS takes {self.clean_requests:,} distinct requests "
                "even when all agree",
            )


def load(source: str) -> tuple[Policy, str]:
    """Return the policy that *source* names (a built-in name or a file) and its text.

    :raises PolicyError: there is no such policy, or it is wrong.
    """
    path, text = read(source)
    return parse(text, str(path)), text


def read(source: str) -> tuple[Path, str]:
    """Return the file that *source* names (a built-in name or a file) and its text, unjudged.

    :raises PolicyError: there is no such file, or it is no text.
    """
    path = BUILT_IN / f"{source}.toml"
    if not path.exists():
        path = Path(source)
    try:
        return path, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(one.stem for one in BUILT_IN.glob("*.toml")))
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise PolicyError(f"policy {source}: {why}; built in are: {names}") from None


def parse(text: str, where: str) -> Policy:
    """Return the policy that *text* holds; *where* names it in errors.

    :raises PolicyError: it is no TOML, something in it is unknown or out of range, or it
        contradicts itself. The text tells the first trouble, and how many more there are.
    """
    policy, troubles = examine(text)
    if policy is None:
        more = f"; and {len(troubles) - 1} more, see policy check" if len(troubles) > 1 else ""
        raise PolicyError(f"{where}: {troubles[0]}{more}")
    return policy


def examine(text: str) -> tuple[Policy | None, list[str]]:
    """Return the policy that *text* holds, or ``None`` with everything that is wrong with it.

    A trouble starts with its line where that can be told.
    """
    try:
        table = tomllib.loads(text)
    except RecursionError:
        return None, ["not TOML: nested too deep"]
    except ValueError as error:  # TOMLDecodeError, or a number of more digits than Python reads
        return None, [f"not TOML: {error}"]
    policy, misfits = fit(Policy, table)
    return policy, [_placed(misfit, text) for misfit in misfits]


def policy_hash(policy: Policy) -> str:
    """Return a hash of what a policy asks for; comments and order do not change it."""
    return sha256(msgspec.json.encode(policy, order="sorted")).hexdigest()[:16]


def _placed(misfit: Misfit, text: str) -> str:
    line = line_of(text, misfit.path)
    return f"line {line}: {misfit}" if line else str(misfit)


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
