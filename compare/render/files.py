"""Every rendering, as files beside a run."""

from pathlib import Path

from compare.render.as_json import render_json
from compare.render.junit import render_junit
from compare.render.markdown import render_markdown
from compare.render.page import render_page
from compare.report import Report


def write_reports(report: Report, directory: Path) -> list[Path]:
    """Write ``report.json``, ``.html``, ``.md`` and ``.junit.xml``; return where they are.

    :raises OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {
        "report.json": render_json(report),
        "report.html": _encoded(render_page(report)),
        "report.md": _encoded(render_markdown(report)),
        "report.junit.xml": render_junit(report),
    }
    for name, content in files.items():
        partial = directory / f"{name}.partial"
        partial.write_bytes(content)
        partial.replace(directory / name)
    return [directory / name for name in files]


def _encoded(text: str) -> bytes:
    """Return *text* in UTF-8; half a surrogate pair, which UTF-8 cannot hold, as an escape."""
    return text.encode("utf-8", "backslashreplace")
