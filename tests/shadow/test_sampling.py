"""Which requests are mirrored."""

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request
from shadow.isolating.sticky import Sticky
from shadow.sampling import Sampling, position, positions

REQUESTS = [Request(b"GET", b"/track?data=%d" % number) for number in range(4_000)]


def event(distinct_id: str, number: int) -> Request:
    data = json.dumps({"event": number, "properties": {"token": "t", "distinct_id": distinct_id}})
    return Request(b"GET", b"/track?data=" + quote(data).encode())


def test_everything_is_mirrored_unless_told_otherwise() -> None:
    assert all(Sampling().samples(request, 1.0) for request in REQUESTS)


def test_nothing_is_mirrored_of_a_share_of_nothing() -> None:
    assert not any(Sampling().samples(request, 0.0) for request in REQUESTS)


def test_about_the_share_is_mirrored() -> None:
    taken = sum(Sampling().samples(request, 0.25) for request in REQUESTS)
    assert 850 < taken < 1_150


def test_a_larger_share_keeps_what_a_smaller_one_took() -> None:
    smaller = {one.target for one in REQUESTS if Sampling().samples(one, 0.2)}
    larger = {one.target for one in REQUESTS if Sampling().samples(one, 0.4)}
    assert smaller < larger


def test_requests_that_differ_in_their_bodies_are_chosen_apart() -> None:
    posts = [Request(b"POST", b"/track", (), b"%d" % number) for number in range(1_000)]
    assert 400 < sum(Sampling().samples(post, 0.5) for post in posts) < 600


def test_all_requests_of_a_person_are_chosen_alike() -> None:
    sampling = Sampling(share=0.5, sticky=Sticky.PERSON)
    chosen = [
        {sampling.samples(event(f"person {who}", number), 0.5) for number in range(5)}
        for who in range(200)
    ]
    assert all(len(one) == 1 for one in chosen)
    assert 70 < sum(one == {True} for one in chosen) < 130


def test_another_seed_chooses_others() -> None:
    one, other = (Sampling(share=0.5, seed=seed) for seed in (1, 2))
    both = sum(one.samples(each, 0.5) and other.samples(each, 0.5) for each in REQUESTS)
    assert 850 < both < 1_150  # independent: a quarter


def test_choices_for_different_purposes_are_independent() -> None:
    keys = [b"%d" % number for number in range(4_000)]
    both = sum(position(key) < 0.5 and position(key, 0, b"ramp") < 0.5 for key in keys)
    assert 850 < both < 1_150


def test_where_a_key_stands_is_for_ever() -> None:
    # Another number would choose other persons in the middle of a ramp.
    assert round(position(b"tok\0ann", 7, b"ramp"), 9) == 0.242866957


@given(st.binary(max_size=30), st.integers())
def test_a_position_is_at_least_zero_and_below_one(key: bytes, seed: int) -> None:
    assert 0.0 <= position(key, seed) < 1.0
    assert positions(seed, b"sample")(key) == position(key, seed)
