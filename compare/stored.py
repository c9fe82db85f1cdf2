"""What a verdict was reached from, as one file: ``evidence.json.zst`` beside the report.

It holds the summary, the manifest and the policy's text whole, so that anybody can judge again
without the run. The same run and policy give the same content; the report holds its SHA-256,
which is of the JSON text, not of its compression.
"""

import json
import math
import sys
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import msgspec

from compare.judging.latency import Histogram, Window, Windows
from compare.stages.tally import Summary
from shadow.runs.manifest import Manifest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMAT = "mixmigrate-evidence/1"
NAME = "evidence.json.zst"
LARGEST = 1 << 30
"""Bytes of JSON at most; a file that says it holds more is not one of ours."""


class StoredError(Exception):
    """An evidence file cannot be read. The text says why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that a verdict depends on."""

    run: str
    """The run directory's name."""
    manifest: Manifest
    summary: Summary
    policy_text: str
    tool: str = f"mixmigrate {version('mixmigrate')}"
    """What wrote it; another version may judge by other rules."""


def content(stored: Stored) -> bytes:
    """Return the JSON text of *stored*: one line, the same bytes for the same value.

    UTF-8, but for halves of surrogate pairs, which clients send and no encoding takes: they stand
    as three bytes each. As escapes, two of them would be read back as one character.
    """
    plain = msgspec.to_builtins(stored, enc_hook=_plain, str_keys=True)
    text = json.dumps({"evidence": FORMAT, **plain}, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


def digest(stored: Stored) -> str:
    """Return the SHA-256 of the content, in hexadecimal digits."""
    return sha256(content(stored)).hexdigest()


def packed(stored: Stored) -> bytes:
    """Return *stored* as the file holds it: one zstd frame."""
    return zstd.compress(content(stored), level=6)


def unpacked(data: bytes) -> bytes:
    """Return the JSON text in the file's bytes *data*.

    :raises StoredError: it is no whole zstd frame, or one of an unlikely size.
    """
    opened = zstd.ZstdDecompressor()
    try:
        text = opened.decompress(data, max_length=LARGEST)
    except zstd.ZstdError as error:
        raise StoredError(f"not a zstd file: {error}") from None
    if not opened.eof:
        raise StoredError("cut short, or larger than any evidence of ours")
    if opened.unused_data:
        raise StoredError("something follows the evidence")
    return text


def parsed(text: bytes) -> Stored:
    """Return what the JSON *text* holds.

    :raises StoredError: it is no evidence, or of another format.
    """
    try:
        plain = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise StoredError(f"not JSON: {error}") from None
    found = plain.pop("evidence", None) if isinstance(plain, dict) else None
    if found != FORMAT:
        raise StoredError(f"format {found!r}; this version reads {FORMAT!r}")
    try:
        stored = msgspec.convert(plain, Stored, dec_hook=_revived, str_keys=True)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoredError(f"not evidence: {error}") from None
    unknown = unread(plain, stored)
    if unknown:
        raise StoredError(f"{unknown} is unknown; {stored.tool} wrote it, another version reads it")
    return stored


def unread(plain: object, value: object, path: str = "") -> str:
    """Return the path of the first field in *plain* that *value*, made from it, has no place for.

    What cannot be kept would not be judged, and must not be passed over. Empty when all is kept.
    """
    names = _names(value)
    if names and isinstance(plain, dict):
        for name, inner in plain.items():
            here = f"{path}.{name}" if path else name
            found = here if name not in names else unread(inner, getattr(value, name), here)
            if found:
                return found
    if isinstance(value, list | tuple) and isinstance(plain, list):
        pairs = zip(plain, value, strict=True)
        inside = (unread(*pair, f"{path}[{place}]") for place, pair in enumerate(pairs))
        return next((found for found in inside if found), "")
    return ""


def _names(value: object) -> set[str]:
    if is_dataclass(value):
        return {one.name for one in fields(value)}
    return set(value.__struct_fields__) if isinstance(value, msgspec.Struct) else set()


def numbered(windows: Windows) -> list[tuple[int, Window]]:
    """Return every window, the first and the last too, with its number, in the order of time.

    Window *number* starts at epoch second ``number * windows.seconds``.
    """
    return sorted(windows._windows.items())  # whole() has neither numbers nor the ends


def _plain(value: object) -> dict[str, Any]:
    """Return windows and histograms as plain data, every attribute, whatever it is called."""
    if isinstance(value, Histogram):
        state = {name: getattr(value, name) for name in Histogram.__slots__}
    elif isinstance(value, Windows):
        state = dict(vars(value))
    else:
        raise TypeError(f"{type(value).__name__} has no place in evidence")
    return {name: _ordered(inner) for name, inner in state.items()}


def _ordered(value: object) -> object:
    # Dictionaries filled by partitions in any order must not differ; JSON knows no infinity.
    if isinstance(value, dict):
        keys = sorted(value)
        return [keys, [value[key] for key in keys]]
    return None if isinstance(value, float) and math.isinf(value) else value


def _revived(kind: type, plain: Any) -> object:
    if kind is Histogram:
        histogram = Histogram()
        for name, value in plain.items():
            setattr(histogram, name, _counts(value) if name == "_counts" else value)
        return histogram
    if kind is Windows:
        return _windows(plain)
    raise TypeError(f"{kind.__name__} has no place in evidence")


def _counts(plain: Any) -> dict[int, int]:
    keys, values = msgspec.convert(plain, tuple[list[int], list[int]])
    return dict(zip(keys, values, strict=True))


def _windows(plain: Any) -> Windows:
    windows = Windows(float(plain["seconds"]))
    for name, value in plain.items():
        if name == "_windows":
            parts = tuple[list[int], list[Window]]
            keys, values = msgspec.convert(value, parts, dec_hook=_revived)
            value = dict(zip(keys, values, strict=True))
        if value is not None:  # an infinity: what it is at the start
            setattr(windows, name, value)
    return windows
