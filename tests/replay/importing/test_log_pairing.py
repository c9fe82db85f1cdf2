"""Which lines of two logs tell of the same request."""

import random

from pyingest.message import Request, Response
from replay.importing.heard import Heard
from replay.importing.pairing import Pairing
from shadow.exchange import Answered


def line(at: float, key: str = "k", id: str = "", number: int = 0) -> Heard:
    request = Request(b"GET", b"/%d" % number, ())
    return Heard(at, id.encode(), key.encode(), request, Answered(Response(200), 0.1))


def times(pairing: Pairing, legacy: list[Heard]) -> list[float | None]:
    found = [pairing.of(one).candidate for one in legacy]
    return [None if one is None else one.at for one in found]


def test_an_id_pairs_lines_however_far_apart() -> None:
    pairing = Pairing(window=1.0)
    pairing.hold([line(100.0, "x", "b"), line(900.0, "y", "a")])
    assert times(pairing, [line(1.0, "k", "a"), line(2.0, "k", "b")]) == [900.0, 100.0]
    assert (pairing.by_id, pairing.by_content) == (2, 0)


def test_equal_requests_are_paired_in_the_order_of_their_times() -> None:
    pairing = Pairing()
    pairing.hold([line(12.0), line(10.5), line(11.0)])
    assert times(pairing, [line(10.0), line(10.2), line(10.4)]) == [10.5, 11.0, 12.0]
    assert pairing.by_content == 3


def test_a_line_outside_the_window_is_no_partner() -> None:
    pairing = Pairing(window=1.0)
    pairing.hold([line(5.0), line(20.0)])
    assert times(pairing, [line(10.0)]) == [None]
    assert [pair.candidate.at for pair in pairing.rest() if pair.candidate] == [5.0, 20.0]


def test_another_content_is_no_partner() -> None:
    pairing = Pairing()
    pairing.hold([line(10.0, "other")])
    assert times(pairing, [line(10.0)]) == [None]


def test_a_log_without_ids_is_paired_with_one_that_has_them_by_content() -> None:
    pairing = Pairing()
    pairing.hold([line(10.0)])
    assert times(pairing, [line(10.0, id="a")]) == [10.0]


def test_a_second_line_of_an_id_is_left_over() -> None:
    pairing = Pairing()
    pairing.hold([line(1.0, id="a"), line(2.0, id="a")])
    assert times(pairing, [line(1.0, id="a")]) == [1.0]
    assert len(list(pairing.rest())) == 1


def test_every_line_is_in_exactly_one_pair() -> None:
    chance = random.Random(2011)
    for _ in range(50):
        ours = [line(chance.uniform(0, 30), chance.choice("ab")) for _ in range(20)]
        theirs = [line(chance.uniform(0, 30), chance.choice("ab")) for _ in range(20)]
        pairing = Pairing(window=2.0)
        pairing.hold(theirs)
        pairs = [pairing.of(one) for one in sorted(ours, key=lambda one: one.at)]
        pairs += pairing.rest()
        candidates = [pair.candidate for pair in pairs if pair.candidate is not None]
        assert sorted(map(id, candidates)) == sorted(map(id, theirs))
        for pair in pairs:
            if pair.legacy and pair.candidate:
                assert abs(pair.legacy.at - pair.candidate.at) <= 2.0
                assert pair.legacy.key == pair.candidate.key
