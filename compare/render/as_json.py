"""A report as JSON: the source that every other machine format can be made from."""

import json

from compare.render.visible import encodable
from compare.report import Report, as_data


def render_json(report: Report) -> bytes:
    """Return ``report.json``: indented, keys in a fixed order, the same bytes for the same run.

    Pure ASCII, and no half of a surrogate pair, which clients may send: strict readers refuse a
    document for one even as an escape.
    """
    return json.dumps(encodable(as_data(report)), indent=2).encode("ascii") + b"\n"
