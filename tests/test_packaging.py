"""What an installation owns, and nothing beside it."""

import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_is_told_to_own_just_our_names() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    owned = config["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert owned == ["shadow", "pyingest", "replay", "compare", "legacy", "cli.py"]


def test_the_installed_version_is_the_projects() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert version("mixmigrate") == config["project"]["version"]


def test_the_console_script_is_the_cli() -> None:
    (script,) = distribution("mixmigrate").entry_points
    assert (script.name, script.value) == ("mixmigrate", "cli:main")


def test_every_package_is_marked_as_typed() -> None:
    for package in ("shadow", "pyingest", "replay", "compare"):
        assert (ROOT / package / "py.typed").exists()
