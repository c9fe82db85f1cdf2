"""Whether a report says what its evidence says: judge again, and look for what differs.

It finds what was changed by accident, by hand, or by another version of the rules. Who rewrites
report and evidence together is found only by comparing the run again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from compare.policy.policy import Policy, PolicyError, parse, policy_hash
from compare.render.files import renderings
from compare.render.json_schema import violations
from compare.render.schema import PATH
from compare.report import SCHEMA, Report, report
from compare.stored import NAME, StoredError, parsed, unpacked
from shadow.runs.manifest import Manifest

REPORT = "report.json"
SHOWN = 60
"""Characters of a long value on either side of where it goes wrong."""


class VerificationError(Exception):
    """A report cannot be verified at all. The text says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something in a report that its evidence does not give."""

    where: str
    """A file, or a path in ``report.json``."""
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying a report."""

    recomputed: Report
    """The report as the evidence gives it."""
    sha256: str
    """Of the evidence's content."""
    tool: str
    """What wrote the evidence."""
    mismatches: tuple[Mismatch, ...]
    """Empty when the report is what its evidence says."""
    files: tuple[str, ...]
    """Renderings that were looked at besides ``report.json``."""


def verify(
    files: Mapping[str, bytes], manifest: Manifest | None = None, policy: Policy | None = None
) -> Verification:
    """Return whether the reports in *files* (content by name) are what their evidence gives.

    *manifest* is that of the run beside them, if there is one; *policy* what the report is said
    to be judged by.

    :raises VerificationError: a file is no report or no evidence, or of another format.
    """
    told = read_report(files[REPORT])
    try:
        text = unpacked(files[NAME])
        stored = parsed(text)
        rules = parse(stored.policy_text, "the evidence's policy")
    except (StoredError, PolicyError) as error:
        raise VerificationError(f"{NAME}: {error}") from None
    made = report(stored.run, stored.manifest, stored.summary, rules, stored.policy_text)
    rendered = renderings(made)
    wanted = json.loads(rendered[REPORT])
    others = [name for name in rendered if name in files and name != REPORT]
    hashed = sha256(text).hexdigest()
    found = [*_schema(told), *_hash(told, hashed), *_policy(policy, rules)]
    found += _manifest(manifest, stored.manifest)
    known = {one.where for one in found}
    found += [one for one in differing(wanted, told) if one.where not in known]
    found += [
        Mismatch(name, "what the evidence gives", "something else")
        for name in others
        if files[name] != rendered[name]
    ]
    return Verification(made, hashed, stored.tool, tuple(found), tuple(others))


def read_report(text: bytes) -> dict[str, Any]:
    """Return what ``report.json`` holds.

    :raises VerificationError: it is not JSON, or no report of this schema.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{REPORT}: not JSON: {error}") from None
    schema = told.get("schema") if isinstance(told, dict) else None
    if schema != SCHEMA:
        raise VerificationError(f"{REPORT}: schema {schema!r}; this version reads {SCHEMA!r}")
    return dict(told)


def differing(expected: object, found: object, path: str = "") -> Iterator[Mismatch]:
    """Yield where two values as JSON gives them differ; numbers are equal by value."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            here = f"{path}.{name}" if path else name
            if name not in found or name not in expected:
                yield Mismatch(here, _side(expected, name), _side(found, name))
            else:
                yield from differing(expected[name], found[name], here)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differing(one, other, f"{path}[{place}]")
    elif isinstance(expected, bool) is not isinstance(found, bool) or expected != found:
        yield Mismatch(path, *_apart(expected, found))


def _apart(expected: object, found: object) -> tuple[str, str]:
    """Return both values as texts; of long ones the part where they begin to differ."""
    ours, theirs = _text(expected), _text(found)
    if max(len(ours), len(theirs)) <= 2 * SHOWN:
        return ours, theirs
    same = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    start = max(0, same - SHOWN // 2)
    cut = [one[start : start + 2 * SHOWN] for one in (ours, theirs)]
    return ("…" if start else "") + cut[0], ("…" if start else "") + cut[1]


def _side(values: dict[str, Any], name: str) -> str:
    return _text(values[name]) if name in values else "nothing"


def _text(value: object) -> str:
    if isinstance(value, list | dict):
        return f"{len(value)} entries"
    return json.dumps(value)


def _schema(told: dict[str, Any]) -> Iterator[Mismatch]:
    for violation in violations(told, json.loads(PATH.read_bytes())):
        where, _, what = violation.partition(": ")
        yield Mismatch(where, "what the schema allows", what)


def _hash(told: dict[str, Any], found: str) -> Iterator[Mismatch]:
    provenance = told.get("provenance")
    said = provenance.get("evidence_sha256") if isinstance(provenance, dict) else None
    if said != found:
        yield Mismatch("provenance.evidence_sha256", found, _text(said))


def _policy(asked: Policy | None, used: Policy) -> Iterator[Mismatch]:
    if asked is not None and policy_hash(asked) != policy_hash(used):
        said = f"{asked.name} ({policy_hash(asked)})"
        yield Mismatch("the policy", said, f"{used.name} ({policy_hash(used)})")


def _manifest(beside: Manifest | None, used: Manifest) -> Iterator[Mismatch]:
    if beside is not None and beside != used:
        yield Mismatch("manifest.json", "the manifest that was judged", "another run's")
