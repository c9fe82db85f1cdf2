"""docs/relaying.md is held to the settings it describes."""

import re
import tomllib
from pathlib import Path

import msgspec

from shadow.relaying.settings import RelayingSettings

PAGE = (Path(__file__).parents[3] / "docs" / "relaying.md").read_text()
(BLOCK,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_every_limit_of_clients_with_its_default() -> None:
    assert tomllib.loads(BLOCK) == {"relaying": msgspec.to_builtins(RelayingSettings())}
