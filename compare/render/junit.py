"""A report as JUnit XML: a test case for each gate and veto, for coverage, validity, and the rest.

FAIL is a failure. UNDECIDED and INVALID are errors: a skipped case would turn a pipeline green.
In an INVALID run every gate is an error, since its numbers say nothing about the candidate.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from compare.judging.evidence import Finding
from compare.judging.verdict import GateResult, Outcome, judge
from compare.policy.policy import Veto
from compare.report import Report, provenance

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHOWN = ("unit", "n", "mismatches", "estimate", "target", "bound", "e_pass", "e_fail", "needs")
UNTRUSTED = "INVALID: the measurement cannot be trusted"


def render_junit(report: Report) -> bytes:
    """Return ``report.junit.xml``."""
    recorded = datetime.datetime.fromtimestamp(report.manifest.created, datetime.UTC)
    suite = Element("testsuite", name="mixmigrate", timestamp=recorded.isoformat()[:19])
    _properties(suite, _about(report))
    invalid = report.verdict.outcome is Outcome.INVALID
    for gate in report.verdict.gates:
        _gate(suite, gate, invalid)
    for number, veto in enumerate(report.policy.veto, 1):
        _case(suite, "veto", f"veto {number}: {_words(veto)}", "failure", vetoed(report, veto))
    short = [one for one in report.verdict.reasons if one.startswith("coverage: ")]
    _case(suite, "coverage", "coverage", "error", short)
    _case(suite, "validity", "validity", "error", report.verdict.reasons if invalid else ())
    tag = "failure" if report.verdict.outcome is Outcome.FAIL else "error"
    _case(suite, "further", "further reasons", tag, () if invalid else further(report))
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("skipped", "0")
    text: bytes = tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def vetoed(report: Report, veto: Veto) -> list[str]:
    """Return why *veto* holds a run back; empty when it does not.

    A policy of this one veto is judged: what a veto means is the verdict's to say.
    """
    gate = msgspec.structs.replace(report.policy.gate, rate=[], slo=[], relative=[])
    alone = msgspec.structs.replace(report.policy, gate=gate, veto=[veto])
    reasons = judge(report.summary, report.manifest, alone).reasons
    return [reason for reason in reasons if reason.startswith("veto: ")]


def further(report: Report) -> list[str]:
    """Return the reasons that are no gate's, no veto's and not coverage's.

    Whatever a verdict comes to hold against a run, the suite must not be green with it.
    """
    told = ("veto: ", "coverage: ", *(f"{gate.name}: " for gate in report.verdict.gates))
    return [reason for reason in report.verdict.reasons if not reason.startswith(told)]


def _words(veto: Veto) -> str:
    """Return what a veto is about: every word of every list in it."""
    lists = msgspec.to_builtins(veto).values()
    return ", ".join(word for words in lists if isinstance(words, list | tuple) for word in words)


def _about(report: Report) -> Iterator[tuple[str, object]]:
    told = provenance(report)
    yield "verdict", report.verdict.outcome.value
    yield "claim", report.verdict.claim
    for name in ("run", "policy", "policy_hash", "evidence_sha256"):
        yield name, told[name]
    yield "legacy", report.manifest.legacy.get("build", "")
    yield "candidate", report.manifest.candidate.get("build", "")


def _gate(suite: Element, gate: GateResult, invalid: bool) -> None:
    case = SubElement(suite, "testcase", classname="mixmigrate.gate", name=_clean(gate.name))
    numbers = [(name, getattr(gate, name)) for name in _SHOWN]
    said = [("claim", gate.claim), ("finding", gate.finding.value), ("note", gate.note)]
    _properties(case, [*said, ("mode", "advise" if gate.advisory else "gate"), *numbers])
    if gate.advisory:
        return
    if invalid:
        _problem(case, "error", f"{UNTRUSTED}; by its numbers: {gate.finding.value}")
    elif gate.finding is Finding.FAIL:
        _problem(case, "failure", f"{gate.mismatches:,.0f} of {gate.n:,.0f} {gate.unit} against it")
    elif gate.finding is Finding.UNDECIDED:
        _problem(case, "error", _open(gate))


def _open(gate: GateResult) -> str:
    more = "" if gate.needs is None else f": needs {gate.needs:,} more clean {gate.unit}"
    return f"UNDECIDED{more}" + (f"; {gate.note}" if gate.note else "")


def _case(suite: Element, group: str, name: str, tag: str, said: Iterable[str]) -> None:
    case = SubElement(suite, "testcase", classname=f"mixmigrate.{group}", name=_clean(name))
    reasons = list(said)
    if reasons:
        _problem(case, tag, "; ".join(reasons))


def _properties(parent: Element, values: Iterable[tuple[str, object]]) -> None:
    """Add the properties that have a value."""
    shown = [(name, value) for name, value in values if value is not None and value != ""]
    under = SubElement(parent, "properties")
    for name, value in shown:
        SubElement(under, "property", name=name, value=_clean(str(value)))


def _problem(case: Element, kind: str, message: str) -> None:
    # Some readers show the attribute, some the text.
    problem = SubElement(case, kind, message=_clean(message), type=f"mixmigrate.{kind}")
    problem.text = _clean(message)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
