"""A report as JUnit XML: a test case for each gate, and one for whether the run can be trusted.

UNDECIDED and INVALID are errors: a skipped case would turn a pipeline green.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

from compare.evidence import Finding
from compare.report import Report
from compare.verdict import GateResult, Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report) -> bytes:
    """Return ``report.junit.xml``."""
    suite = Element("testsuite", name="mixmigrate")
    for gate in report.verdict.gates:
        _gate(suite, gate)
    validity = SubElement(suite, "testcase", classname="mixmigrate", name="validity")
    if report.verdict.outcome is Outcome.INVALID:
        _problem(validity, "error", "; ".join(report.verdict.reasons))
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(len(list(_found(cases, "failure")))))
    suite.set("errors", str(len(list(_found(cases, "error")))))
    text: bytes = tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _gate(suite: Element, gate: GateResult) -> None:
    case = SubElement(suite, "testcase", classname="mixmigrate.gate", name=gate.name)
    numbers = SubElement(case, "properties")
    for name, value in (("n", gate.n), ("mismatches", gate.mismatches), ("bound", gate.bound)):
        SubElement(numbers, "property", name=name, value=str(value))
    if gate.finding is Finding.FAIL and not gate.advisory:
        _problem(case, "failure", f"{gate.mismatches:,.0f} of {gate.n:,} {gate.unit} against it")
    elif gate.finding is Finding.UNDECIDED and not gate.advisory:
        _problem(case, "error", f"UNDECIDED: needs {gate.needs} more clean {gate.unit}")


def _problem(case: Element, kind: str, message: str) -> None:
    SubElement(case, kind, message=_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", message))


def _found(cases: list[Element], kind: str) -> Iterator[Element]:
    return (case for case in cases if case.find(kind) is not None)
