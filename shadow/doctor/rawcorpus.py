"""Requests from files: concatenated as they stood on the wire, lines of a capture, or a run."""

import gzip
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pyingest.message import Request
from shadow.doctor.conversation import Conversation
from shadow.doctor.framing import NotFramed, request_end, request_head
from shadow.lines import read_request
from shadow.recording import RunReader
from shadow.runs.manifest import RecordingError


class CorpusError(Exception):
    """A corpus cannot be read. The text says which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read."""

    conversations: tuple[Conversation, ...]
    left_out: int
    """Requests that no strict client sends, such as ones recorded with a broken header."""


def read_corpus(path: Path) -> Corpus:
    """Return the requests in *path*, each as a conversation of its own.

    *path* is a run directory, a file of lines with a request each (as a run or a capture has
    them), or one of requests as they stood on the wire, one behind the other; files may be
    compressed (``.gz``, ``.xz``).

    :raises CorpusError: it cannot be read, or something in it is no request.
    """
    if path.is_dir():
        return _recorded(_of_run(path))
    data = _content(path)
    if data[:1] == b"{":
        return _recorded(_of_lines(path, data))
    return Corpus(tuple(Conversation("captured", (raw,)) for raw in _of_wire(path, data)), 0)


def encoded(request: Request) -> bytes | None:
    """Return a recorded request as bytes that a client may send; ``None`` if that cannot be.

    A recorded body has lost its chunks: it is sent with the framing that its headers tell.
    """
    raw = request.encode()
    try:
        head = request_head(raw)
        whole = request_end(raw) == len(raw)
    except NotFramed:
        return None
    return raw if head is not None and whole else None


def _recorded(requests: Iterator[Request]) -> Corpus:
    raws = [encoded(request) for request in requests]
    kept = tuple(Conversation("captured", (raw,)) for raw in raws if raw is not None)
    return Corpus(kept, len(raws) - len(kept))


def _of_run(path: Path) -> Iterator[Request]:
    try:
        run = RunReader(path)
        for number in run.partitions:
            for exchange in run.exchanges(number):
                yield exchange.request
    except RecordingError as error:
        raise CorpusError(str(error)) from None


def _of_lines(path: Path, data: bytes) -> Iterator[Request]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            yield read_request(line)[1]
        except (msgspec.DecodeError, ValueError) as error:
            raise CorpusError(f"{path}, line {number}: no request: {error}") from None


def _of_wire(path: Path, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        try:
            end = request_end(data[at : at + (1 << 16)]) or request_end(data[at:])
        except NotFramed as error:
            raise CorpusError(f"{path}, byte {at}: {error}") from None
        if end is None:
            raise CorpusError(f"{path}, byte {at}: the last request is not whole")
        yield data[at : at + end]
        at += end


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        return lzma.decompress(data) if data[:6] == b"\xfd7zXZ\x00" else data
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from None
