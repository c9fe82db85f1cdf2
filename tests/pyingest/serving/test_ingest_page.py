"""The operators' page is held to the settings, the metrics and the flags."""

import re
import tomllib
from pathlib import Path

import msgspec

from pyingest.serving.assembly import FAMILIES
from pyingest.serving.reading import settings_from
from pyingest.serving.settings import Settings
from pyingest.serving.supervisor import SUPERVISOR_FAMILIES

PAGE = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text()
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_names_every_setting_with_its_default() -> None:
    said = tomllib.loads(EXAMPLE)
    assert settings_from(said, "the page") == Settings()
    for section in msgspec.structs.fields(Settings):
        keys = {field.name for field in msgspec.structs.fields(section.type)}
        assert set(said[section.name]) == keys, section.name


def test_every_metric_on_the_page_exists() -> None:
    names = {family.name for family in (*FAMILIES, *SUPERVISOR_FAMILIES)}
    assert set(re.findall(r"`(mixmigrate_\w+)", PAGE)) <= names
