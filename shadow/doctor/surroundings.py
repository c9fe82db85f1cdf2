"""The machine we are on: versions, speed-ups, limits, disk, clocks. Looks, and judges nothing."""

import os
import re
import resource
import shutil
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from shadow.doctor.checks import (
    clock,
    disk,
    open_files,
    python_version,
    requirement,
    run_directory,
    speedup,
)
from shadow.doctor.findings import Finding

NAME = re.compile(r"[A-Za-z0-9._-]+")
LOOKS, PAUSE = 6, 0.05
"""Looks at the clocks, and seconds between them."""


def surroundings(run: Path | None) -> list[Finding]:
    """Return what is found on this machine; *run* is where a run will be recorded."""
    findings = [python_version(sys.version_info[:3])]
    findings += packages()
    findings += [speedup(name, present()) for name, present in _SPEEDUPS]
    findings.append(open_files(*resource.getrlimit(resource.RLIMIT_NOFILE)))
    if run is not None:
        findings += run_findings(run)
    findings.append(clock(clock_samples()))
    return findings


def packages() -> list[Finding]:
    """Return what is found of the packages that ours needs."""
    findings = []
    for text in requires("mixmigrate") or []:
        finding = requirement(text, _installed(NAME.match(text)))
        if finding is not None:
            findings.append(finding)
    return findings


def run_findings(run: Path) -> list[Finding]:
    """Return what is found of the directory *run*, which need not be there yet."""
    place = run
    while not _is_seen(place) and place != place.parent:
        place = place.parent
    writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    exists = place == run
    empty = exists and run.is_dir() and os.access(run, os.R_OK) and not any(run.iterdir())
    free = shutil.disk_usage(place).free
    return [run_directory(str(run), exists, writable, empty), disk(str(place), free)]


def _is_seen(path: Path) -> bool:
    """Return whether something is there, as far as we may look."""
    try:
        return path.exists()
    except PermissionError:  # in a directory of somebody else's
        return False


def clock_samples() -> list[tuple[float, float]]:
    """Return monotonic and wall seconds at several moments."""
    samples = []
    for _ in range(LOOKS):
        samples.append((time.monotonic(), time.time()))
        time.sleep(PAUSE)
    return samples


def _installed(named: re.Match[str] | None) -> str | None:
    try:
        return version(named[0]) if named else None
    except PackageNotFoundError:
        return None


def _has(module: str, attribute: str) -> bool:
    try:
        return getattr(import_module(module), attribute, None) is not None
    except ImportError:
        return False


_SPEEDUPS: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("httptools", lambda: _has("httptools.parser.parser", "HttpRequestParser")),
    ("msgspec", lambda: _has("msgspec._core", "Struct")),
    ("simplejson", lambda: _has("simplejson.encoder", "c_make_encoder")),
    ("pybase64", lambda: _has("pybase64._pybase64", "b64decode")),
)
"""Packages, and how to see whether their part in C is there."""
