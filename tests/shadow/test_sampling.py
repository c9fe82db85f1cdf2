"""Which requests are mirrored."""

from random import Random

from pyingest.message import Request
from shadow.sampling import Sampling, is_sampled

REQUESTS = [Request(b"GET", b"/track?data=%d" % number) for number in range(4_000)]


def test_everything_is_mirrored_unless_told_otherwise() -> None:
    assert all(Sampling().takes(request, 0.0) for request in REQUESTS)


def test_nothing_is_mirrored_of_a_share_of_nothing() -> None:
    assert not any(is_sampled(request, 0.0) for request in REQUESTS)


def test_about_the_share_is_mirrored() -> None:
    taken = sum(is_sampled(request, 0.25) for request in REQUESTS)
    assert 850 < taken < 1_150


def test_a_larger_share_keeps_what_a_smaller_one_took() -> None:
    smaller = {one.target for one in REQUESTS if is_sampled(one, 0.2)}
    larger = {one.target for one in REQUESTS if is_sampled(one, 0.4)}
    assert smaller < larger


def test_requests_that_differ_in_their_bodies_are_chosen_apart() -> None:
    posts = [Request(b"POST", b"/track", (), b"%d" % number) for number in range(1_000)]
    assert 350 < sum(is_sampled(post, 0.5) for post in posts) < 650


def test_the_control_arm_is_drawn_anew_for_each_request() -> None:
    random, sampling = Random(1), Sampling(control=0.1)
    left_out = sum(not sampling.takes(REQUESTS[0], random.random()) for _ in range(4_000))
    assert 320 < left_out < 480
