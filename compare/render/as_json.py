"""A report as JSON: the source that every other machine format can be made from."""

import json

from compare.report import Report, as_data


def render_json(report: Report) -> bytes:
    """Return ``report.json``: indented, keys in a fixed order, the same bytes for the same run.

    Pure ASCII: what clients sent may hold half a surrogate pair, which UTF-8 cannot.
    """
    return json.dumps(as_data(report), indent=2).encode("ascii") + b"\n"
