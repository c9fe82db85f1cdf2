"""The fuzzer of the HTTP front: a short search finds nothing, and it would find what is broken."""

import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from twisted.logger import LogEvent

from benchmarks import fuzz_http
from benchmarks.fuzz_http import Finding, Front, Search, alike, kinds, search_until
from benchmarks.fuzz_inputs import LARGEST, changed, corpus, pieces
from pyingest.message import Request
from tests.system.raw_requests import generated

GOOD = next(text for text in generated(1, 500) if text.startswith(b"GET /track?data="))


def counted(steps: int) -> Callable[[], bool]:
    left = iter(range(steps))
    return lambda: next(left, None) is None


def test_a_short_search_finds_nothing() -> None:
    search = Search.begin(20111)
    assert search_until(search, counted(6000), lambda _: None) == 6000
    assert len(search.seen) > 50


def test_the_search_reaches_the_queue_by_both_ways() -> None:
    search = Search.begin(5)
    quick, classic = search.fronts["quick"], search.fronts["classic"]
    for text in search.found:
        assert quick.play([text]).events == classic.play([text]).events
    answered = sum(bool(classic.play([text]).events) for text in search.found)
    assert answered > 30
    assert quick.factory.quick is not None
    peers = [quick.factory.quick(text, "192.0.2.7") for text in search.found]
    assert sum(answer is not None for answer in peers) > 10


def test_a_head_that_is_too_long_and_wrong_further_on_is_refused_by_both_ways() -> None:
    search = Search.begin(5)
    most = search.fronts["quick"].factory.limits.head
    data = [b"POST /track HTTP/1.1\r\nA" + b"a" * 1000, b"a" * 1000, b"a" * (most - 800), b"\0"]
    quick, classic = (search.fronts[name].play(data) for name in ("quick", "classic"))
    assert quick.said.startswith(b"HTTP/1.1 400 ")
    assert classic.said.startswith(b"HTTP/1.1 431 ")
    assert alike(quick, classic)
    assert not alike(replace(quick, said=b"HTTP/1.1 200 OK\r\n\r\n1"), classic)


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second = (Search.begin(3) for _ in range(2))
    assert [first.step() for _ in range(50)] == [second.step() for _ in range(50)]


def test_inputs_stay_of_a_size_that_is_quick_to_play() -> None:
    chance, found = random.Random(1), corpus(1)
    text = found[0]
    for _ in range(300):
        text = changed(text, found, chance)
    assert len(text) <= LARGEST
    assert b"".join(pieces(text, chance)) == text


def test_a_defect_is_found(logged_failures: list[LogEvent]) -> None:
    front = Front("classic")

    def broken(request: Request, peer: str) -> None:
        raise ValueError("broken")

    front.factory.handler = broken  # type: ignore[assignment]  # broken on purpose
    with pytest.raises(Finding, match="an answer says 500"):
        kinds(front.play([GOOD]).said)
    logged_failures.clear()


def test_an_input_that_takes_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_http, "SLOW", 0.05)
    front = Front("classic")

    def endless(request: Request, peer: str) -> None:
        while True:
            time.sleep(0.01)

    front.factory.handler = endless  # type: ignore[assignment]  # broken on purpose
    with pytest.raises(Finding, match="still under way"):
        front.play([GOOD])


@pytest.mark.parametrize("said", [b"1", b"HTTP/1.1 200 OK\r\n\r\nrest", b"HTTP/1.1 500 No\r\n\r\n"])
def test_what_is_no_answer_is_found(said: bytes) -> None:
    with pytest.raises(Finding):
        kinds(said)


def test_answers_of_one_connection_are_told_apart() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    assert kinds(one + b"1" + one + one + b"0") == (b"2001", b"200", b"2000")


def test_a_head_that_is_refused_is_refused_by_the_quick_way_too() -> None:
    """Found by the search: the quick way held the head back, and never said a word."""
    head = b"POST /track HTTP/1.1\r\n" + b"X: y\r\n" * 1200 + b"Content-Length: 9\r\n\r\n"
    played = [Front("classic", quick=quick).play([head]) for quick in (True, False)]
    assert played[0] == played[1]
    assert kinds(played[0].said) == (b"431",)
