"""docs/operations.md is held to the settings it describes."""

import re
import tomllib
from pathlib import Path

import msgspec

from pyingest.serving.reading import converted
from shadow.serving.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
(BLOCK,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
GIVEN = {"legacy", "legacy_queue", "candidate", "candidate_queue", "run"}


def test_the_page_shows_every_setting_with_its_default() -> None:
    said = tomllib.loads(BLOCK)
    defaults = msgspec.json.decode(msgspec.json.encode(Settings()))
    assert said.keys() == {"shadow", "timeouts", "logs"}
    for section, keys in said.items():
        assert keys.keys() == defaults[section].keys()
        shown = {name: value for name, value in keys.items() if name not in GIVEN}
        assert shown == {name: defaults[section][name] for name in shown}


def test_the_page_can_be_used_as_it_stands() -> None:
    assert converted(tomllib.loads(BLOCK), Settings, "the page").is_single


def test_the_page_names_every_section() -> None:
    for name in Settings.__struct_fields__:
        assert f"[{name}]" in PAGE
