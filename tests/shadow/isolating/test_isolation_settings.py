"""What can be set, and that the page on it says what is there."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from pyingest.serving.settings import Section
from shadow.isolating.isolation import isolation_of
from shadow.isolating.settings import (
    BreakerSettings,
    Isolating,
    LaneSettings,
    RuleSettings,
    SamplingSettings,
    TaxSettings,
    TripSettings,
)

PAGE = (Path(__file__).parents[3] / "docs" / "isolation.md").read_text()
SECTIONS = (LaneSettings, BreakerSettings, SamplingSettings, TaxSettings, TripSettings)


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_setting_is_on_the_page_with_its_default(kind: type[Section]) -> None:
    rows: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", PAGE, re.MULTILINE):
        keys = re.findall(r"`(\w+)`", names)
        rows.update(zip(keys, defaults.split(", ") if len(keys) > 1 else [defaults], strict=False))
    for field in msgspec.structs.fields(kind):
        told = rows[field.encode_name].strip("` ").replace("\u00a0", "").replace(" ", "")
        default = kind().__getattribute__(field.name)
        plain = msgspec.json.encode(default).decode().strip('"').replace(" ", "")
        assert told.strip('"') in (plain, plain.removesuffix(".0")), field.name


def test_every_key_of_a_rule_is_on_the_page() -> None:
    for field in msgspec.structs.fields(RuleSettings):
        assert f"| `{field.encode_name}` |" in PAGE


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_of_the_page_is_a_file_that_is_taken(text: str) -> None:
    settings = msgspec.convert(tomllib.loads(text), Isolating)
    assert isolation_of(settings, "docs/isolation.md")
    assert settings != Isolating()


@pytest.mark.parametrize(
    "table",
    [
        {"sampling": {"share": 2}},
        {"sampling": {"sticky": "person"}},
        {"sampling": {"control_by": "week"}},
        {"isolation": {"lane": {"bytes": 0}}},
        {"isolation": {"breaker": {"counted": ["slow"]}}},
        {"isolation": {"tax": {"alpha": 0}}},
        {"isolation": {"trips": {"stal": 1}}},
    ],
    ids=str,
)
def test_a_value_that_means_nothing_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, Isolating)
