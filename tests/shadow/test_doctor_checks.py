"""Each check says what is fine, what is worth a look and what is in the way."""

import os
from pathlib import Path

import pytest

from shadow.doctor import checks
from shadow.doctor.findings import Finding, Level, finding_dicts, finding_lines, ok, problem
from shadow.doctor.surroundings import packages, run_findings, surroundings

OK, WARNING, PROBLEM = Level
GIB = 1 << 30


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (checks.python_version((3, 11, 7)), OK),
        (checks.python_version((3, 10, 9)), PROBLEM),
        (checks.requirement("twisted>=26.4", "26.10.0"), OK),
        (checks.requirement("twisted>=26.4", "24.11"), PROBLEM),
        (checks.requirement("twisted>=26.4", None), PROBLEM),
        (checks.speedup("simplejson", True), OK),
        (checks.speedup("simplejson", False), WARNING),
        (checks.open_files(-1, -1), OK),
        (checks.open_files(20_000, -1), OK),
        (checks.open_files(1024, 4096), WARNING),
        (checks.open_files(256, 4096), PROBLEM),
        (checks.disk("/d", 100 * GIB), OK),
        (checks.disk("/d", 5 * GIB), WARNING),
        (checks.disk("/d", GIB // 2), PROBLEM),
        (checks.run_directory("/d", exists=False, writable=True, empty=False), OK),
        (checks.run_directory("/d", exists=True, writable=True, empty=True), OK),
        (checks.run_directory("/d", exists=True, writable=True, empty=False), WARNING),
        (checks.run_directory("/d", exists=True, writable=False, empty=True), PROBLEM),
        (checks.clock([(1.0, 100.0), (1.5, 100.5)]), OK),
        (checks.clock([(1.0, 100.0), (1.5, 99.0)]), WARNING),
        (checks.clock([(1.0, 100.0), (0.5, 100.5)]), PROBLEM),
    ],
)
def test_a_check_has_its_levels(finding: Finding, level: Level) -> None:
    assert finding.level is level
    assert bool(finding.todo) is (level is not OK)


def test_what_an_extra_needs_is_not_asked_for() -> None:
    assert checks.requirement("redis>=8 ; extra == 'redis'", None) is None
    assert checks.requirement("backports.zstd>=1.3; python_version < '3.14'", None) is None


NOW = 1_795_236_975.5
DATE = "Sat, 21 Nov 2026 04:56:15 GMT"


@pytest.mark.parametrize(
    ("date", "now", "level"),
    [
        (DATE, NOW, OK),
        (DATE, NOW + 1, OK),
        (DATE, NOW + 30, WARNING),
        (DATE, NOW - 30, WARNING),
        (DATE, NOW + 3600, PROBLEM),
        (None, NOW, OK),
        ("yesterday", NOW, WARNING),
    ],
)
def test_the_clock_of_a_side_may_differ_by_a_little(
    date: str | None, now: float, level: Level
) -> None:
    assert checks.date_skew("legacy", date, now).level is level


@pytest.mark.parametrize(
    ("legacy", "candidate", "level"),
    [
        ("kestrel://h:1/a,b", "kestrel://h:1/c,d", OK),
        ("kestrel://h:1/a", "kestrel://h:2/a", OK),
        ("kestrel://h:1/a,b", "kestrel://h:1/b,c", PROBLEM),
        ("kestrel://h:1/a,b", "kestrel://h:2/c", PROBLEM),
        ("rabbit://h:1/a", "kestrel://h:2/c", PROBLEM),
    ],
)
def test_the_sides_publish_to_different_queues(legacy: str, candidate: str, level: Level) -> None:
    assert checks.queues(legacy, candidate).level is level


def test_findings_are_said_with_what_to_do() -> None:
    findings = [ok("a", "fine"), problem("long name", "broken", "mend it")]
    assert finding_lines(findings) == [
        "ok       a          fine",
        "problem  long name  broken",
        "                    -> mend it",
        "1 ok, 0 warning, 1 problem",
    ]
    assert finding_dicts(findings)[1] == {
        "check": "long name",
        "level": "problem",
        "said": "broken",
        "todo": "mend it",
    }


def test_this_machine_runs_what_is_tested_here(tmp_path: Path) -> None:
    found = {one.check: one for one in surroundings(tmp_path / "run")}
    assert found["python"].level is OK
    assert found["twisted"].level is OK
    assert {"open files", "run", "disk", "clock"} <= found.keys()
    assert all(one.level is OK for one in packages())


def test_a_run_directory_that_may_not_be_looked_into_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists

    def seen(path: Path) -> bool:
        if path.name == "run":
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", seen)
    monkeypatch.setattr(os, "access", lambda *_: False)
    directory, disk = run_findings(tmp_path / "run")
    assert (directory.level, disk.check) == (PROBLEM, "disk")


def test_a_run_directory_is_looked_at_before_it_is_there(tmp_path: Path) -> None:
    directory, disk = run_findings(tmp_path / "runs" / "first")
    assert (directory.level, disk.check) == (OK, "disk")
    assert str(tmp_path) in disk.said
    (tmp_path / "file").write_text("x")
    assert run_findings(tmp_path)[0].level is WARNING
    assert run_findings(tmp_path / "file" / "run")[0].level is PROBLEM
