"""Addresses: kept, cut to their network, or dropped."""

import pytest

from pyingest.serving.privacy import private, shown, truncated
from pyingest.wire.term import IllFormed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("nonsense", None),
        ("", None),
    ],
)
def test_an_address_is_cut_to_its_network(text: str, expected: str | None) -> None:
    assert truncated(text) == expected


def test_what_is_no_text_is_dropped() -> None:
    assert truncated(IllFormed(b"\xff")) is None


def test_each_choice_gives_its_kind_of_address() -> None:
    assert private(lambda peer, headers: peer, "keep")("203.0.113.77", ()) == "203.0.113.77"
    assert private(lambda peer, headers: peer, "truncate")("203.0.113.77", ()) == "203.0.113.0"
    assert private(lambda peer, headers: peer, "drop")("203.0.113.77", ()) is None
    assert [shown("203.0.113.77", ip) for ip in ("keep", "truncate", "drop")] == [
        "203.0.113.77",
        "203.0.113.0",
        "",
    ]
