"""What the page on traffic shows is what the program writes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pyingest.traffic.placement import Placement
from pyingest.traffic.stats import decode_stats

PAGE = (Path(__file__).parents[3] / "docs" / "traffic.md").read_text()


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def assert_within(shown: Any, written: Any) -> None:
    """Check that all that is *shown* is in what is *written*."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_within(value, written[name])
    elif isinstance(shown, list):
        assert len(shown) == len(written)
        for one, other in zip(shown, written, strict=True):
            assert_within(one, other)
    else:
        assert shown == written


def test_the_stats_on_the_page_can_be_read_and_have_no_field_that_is_unknown() -> None:
    text = example("json")
    assert_within(json.loads(text), msgspec.to_builtins(decode_stats(text.encode())))


def test_the_queues_on_the_page_are_those_of_its_configuration() -> None:
    queue = tomllib.loads(example("toml"))["queue"]
    names = Placement(queue["classes"], queue["shards"]).queues(["events"])
    for name in re.findall(r"`(events-[a-z0-9-]+)`", PAGE):
        assert name in names
