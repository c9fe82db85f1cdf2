"""Dead letters: one a record or payload, with the reason, in bounded memory and on bounded disk."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pyingest.ingest import Decision, Rejected
from pyingest.message import Response
from pyingest.queues.interface import QueueError
from pyingest.serving.deadletters import WAITING, DeadLetters, Letter, Store
from pyingest.serving.letterbox import LetterBox
from pyingest.serving.letterfiles import LetterFiles
from pyingest.serving.letterpost import open_letters
from pyingest.serving.parts import Observed
from pyingest.serving.settings import DeadLetterSettings

LIMIT = 1_000_000


def seen(*rejected: Rejected, payload: bytes = b"p", away: str = "") -> Observed:
    answer = Response(200)
    decision = Decision((), answer, answer, rejected)
    return Observed("", "track", b"GET", b"/track", payload, 1, 200, decision, (), 0.0, away)


def gathered(longest: int = 100, *requests: Observed) -> list[Letter]:
    letters = DeadLetters(lambda: 5.0, longest)
    for request in requests:
        letters.observe(request)
    return letters.take()


def test_a_record_with_its_body_is_a_letter() -> None:
    record = Rejected("track", "token, missing or empty", b'{"event":"e"}', "T")
    assert gathered(100, seen(record)) == [
        Letter(5.0, "track", "token, missing or empty", "T", body='{"event":"e"}')
    ]


def test_many_records_of_one_payload_are_a_letter_for_each_reason() -> None:
    records = [Rejected("", "bad")] * 1000 + [Rejected("", "worse")]
    found = gathered(100, seen(*records, payload=b"all of it"))
    assert [(one.reason, one.records, one.body) for one in found] == [
        ("bad", 1000, "all of it"),
        ("worse", 1, "all of it"),
    ]
    assert found[0].endpoint == "track"


def test_what_is_long_is_cut_and_what_is_no_text_is_kept_as_base64() -> None:
    long, odd = gathered(3, seen(Rejected("", "r", b"abcdef")), seen(Rejected("", "r", b"\xff")))
    assert (long.body, long.size) == ("abc", 6)
    assert (odd.body, odd.body64, odd.size) == ("", "/w==", 0)


def test_a_request_that_will_come_again_writes_no_letter() -> None:
    assert gathered(100, seen(Rejected("", "r"), away="rate")) == []
    assert len(gathered(100, seen(Rejected("", "r"), away="token"))) == 1


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    letters = DeadLetters(lambda: 5.0, 1_000_000)
    for _ in range(20):
        letters.observe(seen(Rejected("", "r", b"x" * 1_000_000)))
    assert len(letters.take()) == WAITING // 1_000_200
    dropped = {one.labels: one.value for one in letters.samples()}
    assert dropped[("what", "dropped"),] == 20 - WAITING // 1_000_200
    letters.observe(seen(Rejected("", "r")))
    assert len(letters.take()) == 1


def kept_in_files(place: Path) -> list[str]:
    files = sorted(place.glob("*.jsonl"))
    return [json.loads(line)["reason"] for path in files for line in path.read_text().splitlines()]


def kept_in_box(place: Path) -> list[str]:
    with sqlite3.connect(place) as connection:
        rows = connection.execute("SELECT reason FROM letter ORDER BY id").fetchall()
    connection.close()
    return [reason for (reason,) in rows]


@pytest.mark.parametrize(("make", "kept"), [(LetterFiles, kept_in_files), (LetterBox, kept_in_box)])
def test_a_store_keeps_the_newest_within_its_limit(
    tmp_path: Path, make: Callable[[Path, int], Store], kept: Callable[[Path], list[str]]
) -> None:
    place = tmp_path / "letters"
    store = make(place, LIMIT)
    for number in range(300):
        store.write([Letter(1.0, "track", f"{number}", body="x" * 10_000)])
    store.close()
    numbers = [int(reason) for reason in kept(place)]
    assert numbers == list(range(numbers[0], 300))
    assert 30 < len(numbers) < 110
    on_disk = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert on_disk < 2 * LIMIT


def test_two_processes_share_a_directory_and_lose_no_file(tmp_path: Path) -> None:
    one, two = LetterFiles(tmp_path, LIMIT), LetterFiles(tmp_path, LIMIT)
    two.write([Letter(1.0, "track", "first of two")])
    for number in range(300):
        one.write([Letter(1.0, "track", f"{number}", body="x" * 10_000)])
    assert "first of two" not in kept_in_files(tmp_path)
    two.write([Letter(1.0, "track", "second of two")])
    assert "second of two" in kept_in_files(tmp_path)
    one.close()
    two.close()


@pytest.mark.parametrize("scheme", ["", "sqlite:"])
def test_a_place_that_cannot_be_used_is_said(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError, match="dead letters"):
        open_letters(DeadLetterSettings(url=f"{scheme}{tmp_path}/file/below"))
