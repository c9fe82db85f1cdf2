"""A run that never was: a summary and a manifest, for tests of judging and rendering."""

import random

from compare.differing.difference import Difference, Kind
from compare.judging.latency import Windows
from compare.policy.policy import Policy, load
from compare.report import Report, report
from compare.stages.tally import Cause, EventCounts, Example, Summary, UnitCounts
from shadow.runs.manifest import Manifest

CREATED = 1_795_236_970.0


def clean_summary(distinct: int = 50_000, windows: Windows | None = None) -> Summary:
    """Return the summary of a run without a difference."""
    return Summary(
        events=EventCounts(legacy=66_461, candidate=66_461, identical=66_000, equal=461),
        units=UnitCounts(exchanges=distinct, mirrored=distinct, distinct=distinct),
        kinds={},
        causes=[],
        windows=windows or equal_windows(),
        agreed=distinct,
        endpoints={"track": distinct - 1_000, "engage": 900, "other": 100},
        tokens={f"token{number}": distinct // 40 for number in range(40)},
        noise={"server-set time": 412},
    )


def manifest(distinct: int = 50_000) -> Manifest:
    """Return the manifest of an orderly run."""
    tap = {"attached": True, "read": 66_461, "backlog": 0, "errors": 0, "error": ""}
    return Manifest(
        created=CREATED,
        state="complete",
        legacy={"url": "http://127.0.0.1:8001", "queue": "kestrel://events", "build": "erlang-1"},
        candidate={"url": "http://127.0.0.1:8002", "queue": "sqlite:q.db", "build": "strict-1"},
        ledger={"received": distinct, "mirrored": distinct, "pending": 0, "remainder": 0},
        taps={"legacy": dict(tap), "candidate": dict(tap)},
    )


def equal_windows(
    count: int = 200, seconds: float = 1.0, requests: int = 210, slower: float = 1.0
) -> Windows:
    """Return so many whole windows; the candidate takes *slower* times as long as legacy."""
    chance = random.Random(2011)
    windows = Windows(seconds)
    for place in range(count + 2):
        for number in range(requests):
            at = CREATED + (place + number / requests) * seconds
            took = chance.lognormvariate(-6, 0.6)
            windows.add(at, took, took * slower)
    return windows


def cause(
    title: str = "trailing comma: legacy queues it, candidate refuses",
    kind: Kind = Kind.MISSING,
    requests: int = 100,
    signature: str = "3f2a90c1d4e5",
    **changes: object,
) -> Cause:
    """Return a cause with one example; *changes* set other fields."""
    values: dict[str, object] = {
        "signature": signature,
        "title": title,
        "endpoint": "track",
        "kind": kind.value,
        "path": "",
        "quirk": "trailing-comma",
        "explanation": "mochijson2 takes a comma before a closing bracket; json.loads does not.",
        "advice": "Accept it as the legacy does, or agree with the clients' owners to drop it.",
        "requests": requests,
        "events": requests,
        "marginal": 0.5,
        "cumulative": 0.5,
        "accepted": None,
        "examples": (example(),),
    }
    return Cause(**{**values, **changes})  # type: ignore[arg-type]


def example(
    legacy: str | None = '{"event":"signup","properties":{"token":"t","price":1.10,"time":17}}',
    candidate: str | None = None,
    differences: tuple[Difference, ...] = (),
) -> Example:
    """Return an example of a cause."""
    request = "curl -X POST 'http://HOST/track' --data 'data=eyJldmVudCI6InNpZ251cCIsfQ=='"
    return Example(request, legacy, candidate, differences, 17)


def several_causes() -> list[Cause]:
    """Return causes that explain everything between them."""
    changed = example(
        candidate='{"event":"signup","properties":{"token":"t","price":1.1,"time":18}}',
        differences=(Difference(Kind.VALUE_NUMBER, "properties.time", "17", "18"),),
    )
    extra = example(legacy=None, candidate='{"event":"\\ud800","properties":{"token":"t"}}')
    return [
        cause(requests=61, marginal=0.48, cumulative=0.48),
        cause(
            "duplicate key: legacy keeps both, candidate the last",
            Kind.DUPLICATE_KEY,
            40,
            "77b0aa31c2d9",
            path="properties.plan",
            quirk="duplicate-key",
            marginal=0.31,
            cumulative=0.79,
            examples=(changed,),
        ),
        cause(
            "lone surrogate: legacy refuses it, candidate queues it",
            Kind.EXTRA,
            27,
            "c0ffee123456",
            quirk="lone-surrogate",
            marginal=0.21,
            cumulative=1.0,
            examples=(extra,),
        ),
    ]


def differing_summary() -> Summary:
    """Return a summary with several causes, as a straightforward port gives."""
    summary = clean_summary(8_000)
    summary.causes = several_causes()
    summary.kinds = {"missing": 61, "duplicate_key": 40, "extra": 27}
    summary.events = EventCounts(
        legacy=10_713,
        candidate=10_679,
        identical=10_602,
        tolerated=10,
        changed=40,
        missing=61,
        extra=27,
    )
    summary.units.queue_mismatches = 128
    summary.units.response_mismatches = 88
    summary.agreed, summary.differed = 7_872, 128
    return summary


def policy(name: str = "demo") -> Policy:
    """Return a built-in policy."""
    return load(name)[0]


def report_of(summary: Summary, name: str = "demo") -> Report:
    """Return the report on *summary* under a built-in policy."""
    rules, text = load(name)
    return report("run", manifest(summary.units.mirrored), summary, rules, text)
