"""Common and combined log format of nginx and Apache, with or without the virtual host in front.

Sources: nginx ``ngx_http_log_module`` (``combined``, and how ``escape=default`` writes bytes),
Apache ``mod_log_config`` (``common``, ``combined``, ``vhost_combined``). Fields after the user
agent are let pass: many sites add some.
"""

import re
from calendar import timegm
from functools import lru_cache
from ipaddress import ip_address

from replay.entry import Logged, Unparsable

_QUOTED = rb'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rb"(?P<who>.*?) \[(?P<time>[^\]]+)\] "
    + _QUOTED.replace(b"(", b"(?P<line>", 1)
    + rb" (?P<status>\d{3}|-) (?P<size>\d+|-)"
    + rb"(?: "
    + _QUOTED.replace(b"(", b"(?P<referer>", 1)
    + rb" "
    + _QUOTED.replace(b"(", b"(?P<agent>", 1)
    + rb")?(?: .*)?",
    re.DOTALL,
)
_TIME = re.compile(rb"(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v", b"f": b"\f"}


def parse(line: bytes) -> Logged | Unparsable:
    """Return what one line, without its line end, tells of a request."""
    match = _LINE.fullmatch(line)
    if match is None:
        return Unparsable("not in common or combined log format")
    at = _epoch_seconds(match["time"])
    if at is None:
        return Unparsable(f"not a time: {match['time'].decode('latin-1')}")
    who = _who(match["who"])
    if who is None:
        return Unparsable("no client address in front of the time")
    method, target, version = split_request_line(unescape(match["line"]))
    host, remote = who
    fields = ((b"Host", host), (b"User-Agent", match["agent"]), (b"Referer", match["referer"]))
    headers = tuple((name, unescape(text)) for name, text in fields if text and text != b"-")
    status = int(match["status"]) if match["status"] != b"-" else 0
    return Logged(at, method, target, version, status, remote, headers)


def split_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Return method, target and version; the version is empty where there is none.

    A line that is no request line at all gives an empty target. One with blanks within its
    target keeps them there, for the reader to refuse.
    """
    method, _, rest = line.partition(b" ")
    target, protocol, version = rest.rpartition(b" HTTP/")
    return (method, target, version) if protocol else (method, rest, b"")


def unescape(text: bytes) -> bytes:
    r"""Return *text* with nginx's ``\xXX`` and Apache's backslash escapes undone."""
    return _ESCAPE.sub(_unescaped, text) if b"\\" in text else text


def _unescaped(match: re.Match[bytes]) -> bytes:
    code, letter = match.groups()
    return bytes([int(code, 16)]) if code else _SHORT.get(letter, letter)


def _who(text: bytes) -> tuple[bytes, bytes] | None:
    """Return virtual host (or nothing) and client address of ``[VHOST] ADDRESS IDENT USER``."""
    words = text.split(b" ")
    if len(words) < 3:
        return None
    if len(words) > 3 and words[1] != b"-" and (_is_address(words[1]) or words[2] == b"-"):
        host = words[0]
        for port in (b":80", b":443"):
            host = host.removesuffix(port)
        return host, words[1]
    return b"", words[0]


def _is_address(text: bytes) -> bool:
    try:
        ip_address(text.decode("latin-1"))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def _epoch_seconds(text: bytes) -> float | None:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    if not (year >= 1970 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    east = (int(match[8]) * 60 + int(match[9])) * 60 * (-1 if match[7] == b"-" else 1)
    month = _MONTHS.index(match[2]) + 1
    return float(timegm((year, month, day, hour, minute, second)) - east)
