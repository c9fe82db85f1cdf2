"""Which format a log is in, found by looking; and its lines, whatever it is packed in."""

import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from gzip import BadGzipFile, GzipFile
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from replay.entry import Captured, Entry, Line, Malformed, Parsed, Unparsable
from replay.formats import capture, combined, nginx_json
from replay.reconstruct import rebuild
from shadow.recording import RunReader
from shadow.runs.manifest import RecordingError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LOOKED_AT = 50
"""Lines from which the format is found. Junk among them does no harm: most lines decide."""

Parse = Callable[[bytes], Line]
FORMATS: dict[str, Parse] = {
    "capture": capture.parse,
    "nginx JSON": nginx_json.parse,
    "combined": combined.parse,
}


class LogError(Exception):
    """A log cannot be read at all. The text says which, why, and what to do."""


def detect(lines: Iterable[bytes]) -> str | None:
    """Return the name of the format that most of *lines* are in; ``None`` if none are in any."""
    sample = list(islice(lines, LOOKED_AT))
    scores = {
        name: sum(not isinstance(parse(line), Unparsable) for line in sample)
        for name, parse in FORMATS.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else None


def read_log(path: Path, keep_credentials: bool = False) -> Iterator[Parsed]:
    """Yield what each line of a log is: a file, plain or packed (gzip, zstd), or a run directory.

    :raises LogError: there is nothing to read there, or it is in no format known here.
    """
    if path.is_dir():
        yield from _read_run(path, keep_credentials)
        return
    parse = FORMATS[_format_of(path)]
    number = 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            yield rebuild(parse(line), number, str(path), keep_credentials)
    except (EOFError, zlib.error, BadGzipFile, zstd.ZstdError) as error:
        # What was read stays read; the account must show that there was more.
        yield Malformed(f"{path}:{number + 1}", f"the file is cut short here: {error}")


def read_lines(path: Path) -> Iterator[Line]:
    """Yield what each line of a log tells, answers included; see :func:`read_log`.

    A packed file that is cut short ends with an :class:`Unparsable`.

    :raises LogError: there is nothing to read there, or it is in no format known here.
    """
    parse = FORMATS[_format_of(path)]
    try:
        yield from map(parse, _lines(path))
    except (EOFError, zlib.error, BadGzipFile, zstd.ZstdError) as error:
        yield Unparsable(f"the file is cut short here: {error}")


def in_time_order(paths: Iterable[Path]) -> list[Path]:
    """Return *paths* by the time of the first request in each, as rotated logs follow on.

    :raises LogError: see :func:`read_log`.
    """
    listed = list(paths)
    return sorted(listed, key=first_time) if len(listed) > 1 else listed


def first_time(path: Path) -> float:
    """Return the epoch seconds of the first request in a log; infinity if there is none."""
    if path.is_dir():
        with closing(_read_run(path, False)) as entries:
            times = (entry.at for entry in entries if isinstance(entry, Entry))
            return next(times, float("inf"))
    parse = FORMATS[_format_of(path)]
    with closing(_lines(path)) as lines:
        found = (parse(line) for line in lines)
        return next((line.at for line in found if not isinstance(line, Unparsable)), float("inf"))


def _format_of(path: Path) -> str:
    try:
        with closing(_lines(path)) as lines:
            sample = list(islice(lines, LOOKED_AT))
    except (EOFError, zlib.error, BadGzipFile, zstd.ZstdError, OSError) as error:
        raise LogError(f"{path}: cannot be read: {error}") from None
    if not sample:
        raise LogError(f"{path}: empty; there is nothing to replay")
    name = detect(sample)
    if name is None:
        raise LogError(
            f"{path}: in none of the formats that are known ({', '.join(FORMATS)}); "
            f"the first line begins {sample[0][:60].decode('latin-1')!r}"
        )
    return name


def _lines(path: Path) -> Generator[bytes, None, None]:
    with _opened(path) as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def _opened(path: Path) -> BinaryIO | GzipFile | zstd.ZstdFile:
    """Open a log, unpacking it by what it begins with, not by its name."""
    plain = path.open("rb")
    start = plain.read(4)
    if start[:2] == b"\x1f\x8b":
        plain.close()
        return GzipFile(path)
    if start == b"\x28\xb5\x2f\xfd":
        plain.close()
        return zstd.ZstdFile(path)
    plain.seek(0)
    return plain


def _read_run(path: Path, keep_credentials: bool) -> Generator[Parsed, None, None]:
    """Yield the requests of a recorded run in order of arrival, then what is damaged in it."""
    try:
        run = RunReader(path)
    except RecordingError as error:
        raise LogError(str(error)) from None
    for exchange in run.arrivals():
        line = Captured(exchange.at, exchange.request)
        yield rebuild(line, exchange.number, str(path), keep_credentials)
    for damage in run.damage:
        yield Malformed(f"{path}/{damage.where}", damage.what)
