"""Finding the format, and reading logs however they are packed."""

import gzip
import sys
from pathlib import Path

import pytest

from pyingest.message import Request, Response
from replay.entry import Entry, Malformed, Unreplayable
from replay.formats.capture import capture_line
from replay.formats.detection import LogError, detect, in_time_order, read_log
from shadow.exchange import Answered, Exchange
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMBINED = b'192.0.2.7 - - [21/Nov/2011:08:00:%02d +0000] "GET /track/?n=%d HTTP/1.1" 200 1 "-" "-"'
JSON = b'{"msec":1321862401.5,"method":"GET","request_uri":"/","protocol":"HTTP/1.1","status":200}'
CAPTURE = capture_line(1321862401.0, Request(b"GET", b"/"))
LINES = [COMBINED % (second, second) for second in range(5)]


def numbers(path: Path) -> list[int]:
    return [entry.number for entry in read_log(path) if isinstance(entry, Entry)]


@pytest.mark.parametrize(
    ("line", "name"),
    [(LINES[0], "combined"), (JSON, "nginx JSON"), (CAPTURE, "capture"), (b"hello", None)],
)
def test_format_is_found_by_looking(line: bytes, name: str | None) -> None:
    assert detect([line]) == name


def test_junk_among_the_first_lines_does_not_mislead() -> None:
    assert detect([b"junk", b"", JSON, JSON, b"{"]) == "nginx JSON"


def test_plain_gzip_and_zstd_logs_read_alike_whatever_their_names(tmp_path: Path) -> None:
    text = b"\n".join(LINES) + b"\n"
    packed = {"a": text, "b": gzip.compress(text), "c": zstd.compress(text)}
    # Rotated logs are often glued together: members and frames follow on.
    packed["d"] = gzip.compress(text[:100]) + gzip.compress(text[100:])
    packed["e"] = zstd.compress(text[:100]) + zstd.compress(text[100:])
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        assert numbers(tmp_path / name) == [1, 2, 3, 4, 5]


def test_last_line_needs_no_line_end_and_carriage_returns_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"\r\n".join(LINES))
    assert numbers(log) == [1, 2, 3, 4, 5]


def test_every_line_is_one_thing(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    post = LINES[0].replace(b"GET", b"POST")
    log.write_bytes(b"\n".join([LINES[0], b"junk", post, b"", LINES[1]]) + b"\n")
    kinds = [type(line) for line in read_log(log)]
    assert kinds == [Entry, Malformed, Unreplayable, Malformed, Entry]
    malformed = [line.where for line in read_log(log) if isinstance(line, Malformed)]
    assert malformed == [f"{log}:2", f"{log}:4"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_file_that_was_cut_gives_what_it_holds_and_says_so(tmp_path: Path, pack: object) -> None:
    log = tmp_path / "log"
    assert callable(pack)
    lines = [COMBINED % (n % 60, n * 7919) for n in range(20_000)]
    log.write_bytes(pack(b"\n".join(lines))[:-50])
    read = list(read_log(log))
    assert len(read) > 1000
    assert isinstance(read[0], Entry)
    last = read[-1]
    assert isinstance(last, Malformed)
    assert "cut short" in last.why


def test_recorded_run_is_a_log_too(tmp_path: Path) -> None:
    run = RunWriter(tmp_path / "run", Manifest(created=0.0))
    ok = Answered(Response(200), 0.001)
    for number in range(1, 21):
        request = Request(b"GET", b"/track/?n=%d" % number)
        run.add_exchange(Exchange(number, 100.0 + number, request, ok, ok))
    run.close({}, {})
    entries = [entry for entry in read_log(tmp_path / "run") if isinstance(entry, Entry)]
    assert [entry.number for entry in entries] == list(range(1, 21))
    assert entries[4].request.target == b"/track/?n=5"


def test_damage_of_a_run_is_told_as_malformed(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run", Manifest(created=0.0))
    assert [type(line) for line in read_log(tmp_path / "run")] == [Malformed]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"hello\n", "none of the formats"), (None, "read")]
)
def test_what_is_no_log_is_refused_in_words(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    log = tmp_path / "log"
    if content is not None:
        log.write_bytes(content)
    with pytest.raises(LogError, match=words) as caught:
        list(read_log(log))
    assert str(log) in str(caught.value)


def test_directory_that_is_no_run_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no run directory"):
        list(read_log(tmp_path))


def test_rotated_logs_are_read_in_order_of_time(tmp_path: Path) -> None:
    later, earlier = tmp_path / "access.log", tmp_path / "access.log.1"
    later.write_bytes(COMBINED % (30, 1))
    earlier.write_bytes(b"junk\n" + COMBINED % (5, 2) + b"\n" + COMBINED % (6, 2))
    assert in_time_order([later, earlier]) == [earlier, later]
