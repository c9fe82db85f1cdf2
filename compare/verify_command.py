"""`mixmigrate verify`: a report's files to a verification, and that to words and an exit code."""

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyingest.terminal import Trouble, say

if TYPE_CHECKING:
    from compare.verification import Verification
    from shadow.runs.manifest import Manifest

SHOWN = 20
WIDTH = 96
NOT_VERIFIED = 1


@click.command("verify")
@click.argument("report", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--policy",
    "source",
    metavar="FILE",
    help="Also check that this policy, or built-in one, is what the report was judged by.",
)
def verify_command(report: Path, source: str | None) -> None:
    """Judge again from a report's evidence, and say whether the report is right.

    REPORT is a report.json or its directory; evidence.json.zst must lie beside it. Every other
    report there is checked too, and the run's manifest when the run is there. The exit code is 0
    when all is what the evidence says (whatever the verdict is), else 1.

    Example: mixmigrate verify runs/first --policy policy.toml
    """
    from compare.policy.policy import PolicyError, load
    from compare.verification import VerificationError, verify
    from shadow.runs.manifest import RecordingError

    directory, files = files_beside(report)
    try:
        policy = load(source)[0] if source else None
        found = verify(files, manifest_beside(directory), policy)
    except (PolicyError, RecordingError) as error:
        raise Trouble(str(error)) from None
    except VerificationError as error:
        raise Trouble(f"{directory}: {error}") from None
    for line in _told(found, directory):
        say(line)
    if found.mismatches:
        sys.exit(NOT_VERIFIED)


def files_beside(report: Path) -> tuple[Path, dict[str, bytes]]:
    """Return the directory of *report* and the files in it by name, ``report.json`` by that name.

    :raises Trouble: there is no report, or no evidence.
    """
    from compare.render.files import NAMES
    from compare.stored import NAME
    from compare.verification import REPORT

    path = report / REPORT if report.is_dir() else report
    try:
        files = {REPORT: path.read_bytes()}
        for beside in (path.parent / name for name in (*NAMES, NAME) if name != REPORT):
            if beside.exists():
                files[beside.name] = beside.read_bytes()
    except OSError as error:
        raise Trouble(f"{error.filename}: {error.strerror}") from None
    if NAME not in files:
        raise Trouble(
            f"{path.parent}: no {NAME} beside the report, so there is nothing to judge from; "
            "if the run is at hand, compare it again"
        )
    return path.parent, files


def manifest_beside(directory: Path) -> "Manifest | None":
    """Return the manifest of the run in *directory*, if a run is there.

    :raises RecordingError: it cannot be read.
    """
    from shadow.recording import RunReader

    return RunReader(directory).manifest if (directory / "manifest.json").exists() else None


def _told(found: "Verification", directory: Path) -> list[str]:
    """Return what to say: the result first, then each mismatch."""
    from importlib.metadata import version

    outcome = found.recomputed.verdict.outcome.value
    base = f"evidence sha256 {found.sha256}, written by {found.tool}"
    if not found.mismatches:
        beside = "not beside the report, so its manifest was not compared"
        if (directory / "manifest.json").exists():
            beside = "its manifest is the one that was judged"
        also = f", as are {', '.join(found.files)}" if found.files else ""
        return [
            f"verified: {outcome}",
            f"  report.json is what judging its evidence again gives{also}",
            f"  run: {beside}",
            f"  {base}",
        ]
    lines = [f"NOT VERIFIED: the evidence gives {outcome}, and the report is not what it gives"]
    for one in found.mismatches[:SHOWN]:
        lines += [f"  {one.where}", *_pair("expected", one.expected), *_pair("found", one.found)]
    if len(found.mismatches) > SHOWN:
        lines.append(f"  and {len(found.mismatches) - SHOWN} more")
    this = f"mixmigrate {version('mixmigrate')}"
    if found.tool != this:
        lines.append(f"  this is {this}: its rules may not be those of {found.tool}")
    return [*lines, f"  {base}"]


def _pair(name: str, said: str) -> list[str]:
    from compare.render.visible import visible

    short = visible(said) if len(said) <= 300 else visible(said[:299]) + "…"
    return textwrap.wrap(
        f"{name:<8}  {short}", WIDTH, initial_indent="    ", subsequent_indent=" " * 14
    )
