"""What a dual run is told."""

from pathlib import Path

import pytest

from pyingest.queues.interface import QueueError
from shadow.exchange import Side
from shadow.options import ShadowError, ShadowOptions, SideOptions, address, mapped_names


def options(legacy: str, candidate: str) -> ShadowOptions:
    return ShadowOptions(
        "127.0.0.1",
        0,
        SideOptions("http://127.0.0.1:1", legacy),
        SideOptions("http://127.0.0.1:2", candidate),
        Path("run"),
    )


def test_queues_are_compared_by_their_place_under_the_names_of_legacy() -> None:
    names = mapped_names(options("kestrel://h:1/events,people", "sqlite:/x#c_events,c_people"))
    assert names[Side.LEGACY] == {"events": "events", "people": "people"}
    assert names[Side.CANDIDATE] == {"c_events": "events", "c_people": "people"}


def test_both_sides_name_as_many_queues() -> None:
    with pytest.raises(QueueError, match="name as many on both sides"):
        mapped_names(options("sqlite:/x#events,people", "sqlite:/y#events"))


def test_two_sides_never_share_a_queue() -> None:
    with pytest.raises(ShadowError, match="get everything twice"):
        mapped_names(options("kestrel://h:1/events,people", "kestrel://h:1/c_events,events"))


def test_the_same_name_on_two_servers_is_no_shared_queue() -> None:
    assert mapped_names(options("kestrel://h:1/events", "kestrel://h:2/events"))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("http://legacy.internal/", ("legacy.internal", 80)),
        ("http://[::1]:81", ("::1", 81)),
    ],
)
def test_the_address_of_a_service_is_read_from_its_url(url: str, parts: tuple[str, int]) -> None:
    assert address(url) == parts


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "https://x", "http://x/path", "http://:80", "http://x:99999"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ShadowError, match="write http://HOST:PORT"):
        address(url)
