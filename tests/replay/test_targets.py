"""What may be hit."""

import pytest

from pyingest.message import Request
from replay.targets import Refused, Target, find_target, host_of, permit


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8000", Target("127.0.0.1", 8000)),
        ("http://127.0.0.1:8000/", Target("127.0.0.1", 8000)),
        ("http://LOCALHOST", Target("localhost", 80)),
        ("http://[::1]:81", Target("::1", 81)),
    ],
)
def test_url_names_a_target(url: str, target: Target) -> None:
    assert find_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8000", "https://127.0.0.1", "http://", "http://x:port", "http://x:99999"),
        *("http://x/track", "http://x?y", "http://user@x", "http://[::1"),
    ],
)
def test_anything_else_is_refused_with_an_example(url: str) -> None:
    target = find_target(url)
    assert isinstance(target, Refused)
    assert "http://127.0.0.1:8000" in target.why


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_this_machine_may_be_hit_even_if_the_log_came_from_it(host: str) -> None:
    target = Target(host, 8000)
    assert permit(target, (), {host}) == target


@pytest.mark.parametrize("host", ["192.0.2.1", "api.example.test", "127.0.0.1.example.test", "::2"])
def test_another_machine_must_be_named(host: str) -> None:
    target = Target(host, 80)
    refused = permit(target, ("other.example.test",), ())
    assert isinstance(refused, Refused)
    assert f"--allow {host}" in refused.why
    assert permit(target, (host,), ()) == target


def test_allowed_names_are_compared_without_case_and_brackets() -> None:
    assert permit(Target("api.test", 80), ("API.test",), ()) == Target("api.test", 80)
    assert permit(Target("2001:db8::1", 80), ("[2001:db8::1]",), ()) == Target("2001:db8::1", 80)


def test_host_of_the_log_is_refused_even_when_it_is_allowed() -> None:
    refused = permit(Target("api.test", 80), ("api.test",), {"API.test"})
    assert isinstance(refused, Refused)
    assert "production" in refused.why


@pytest.mark.parametrize(
    ("field", "host"),
    [
        (b"API.test:8080", "api.test"),
        (b"[2001:db8::1]:80", "2001:db8::1"),
        (b"", ""),
        (b"[", ""),
    ],
)
def test_host_of_a_request_is_without_port(field: bytes, host: str) -> None:
    assert host_of(Request(b"GET", b"/", ((b"hOST", field),))) == host


def test_authority_is_what_a_host_header_holds() -> None:
    assert Target("api.test", 80).authority == "api.test"
    assert Target("::1", 8000).authority == "[::1]:8000"
