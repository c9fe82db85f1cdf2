"""Every rendering, as files beside a run."""

from pathlib import Path

from compare.render.as_json import render_json
from compare.render.hlog import render_hlog
from compare.render.junit import render_junit
from compare.render.markdown import render_markdown
from compare.render.openmetrics import render_openmetrics
from compare.render.page import render_page
from compare.report import Report, evidence
from compare.stored import NAME, packed

NAMES = (
    "report.json",
    "report.html",
    "report.md",
    "report.junit.xml",
    "report.prom",
    "latency.hlog",
)
"""What :func:`renderings` makes; each is what the evidence alone determines."""


def renderings(report: Report) -> dict[str, bytes]:
    """Return the content of every rendering by its file's name."""
    return {
        "report.json": render_json(report),
        "report.html": _encoded(render_page(report)),
        "report.md": _encoded(render_markdown(report)),
        "report.junit.xml": render_junit(report),
        "report.prom": _encoded(render_openmetrics(report)),
        "latency.hlog": _encoded(render_hlog(report)),
    }


def write_reports(report: Report, directory: Path) -> list[Path]:
    """Write every rendering and the evidence to *directory*; return where they are.

    :raises OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {**renderings(report), NAME: packed(evidence(report))}
    for name, content in files.items():
        partial = directory / f"{name}.partial"
        partial.write_bytes(content)
        partial.replace(directory / name)
    return [directory / name for name in files]


def _encoded(text: str) -> bytes:
    """Return *text* in UTF-8; half a surrogate pair, which UTF-8 cannot hold, as an escape."""
    return text.encode("utf-8", "backslashreplace")
