"""Quirks that the request shows: why an event is missing, extra, or answered otherwise.

The order is that in which they are asked: what stops a whole request first, the sharper one
before the one that it is a case of.
"""

from compare.quirks.base64_quirks import BASE64_BLANKS, BASE64_QUIRKS
from compare.quirks.http_quirks import HTTP_QUIRKS
from compare.quirks.json_quirks import JSON_QUIRKS
from compare.quirks.query_quirks import QUERY_QUIRKS
from compare.quirks.quirk import Quirk

REQUEST_QUIRKS: tuple[Quirk, ...] = (
    *HTTP_QUIRKS,
    *QUERY_QUIRKS,
    *BASE64_QUIRKS,
    *JSON_QUIRKS,
    BASE64_BLANKS,
)
