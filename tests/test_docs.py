"""Documents that could lie are held to what is there."""

import re
from pathlib import Path

import click
import pytest

from cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "legacy").glob("*.md")])
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`mixmigrate {name}" in README


@pytest.mark.parametrize("name", re.findall(r"\| `mixmigrate (\w+)", README))
def test_every_command_in_the_readme_is_there(name: str) -> None:
    assert name in main.commands


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = main.commands[name]
    text = command.get_help(click.Context(command, info_name=name))
    assert "Example: mixmigrate" in text


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_is_explained(name: str) -> None:
    options = [one for one in main.commands[name].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def _commands() -> list[click.Command]:
    """Return the commands, and those of groups."""
    groups = [one for one in main.commands.values() if isinstance(one, click.Group)]
    return [*main.commands.values(), *(each for one in groups for each in one.commands.values())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_named_in_a_document_exists(page: Path) -> None:
    known = {flag for one in _commands() for each in one.params for flag in each.opts}
    for command in re.findall(r"mixmigrate \w+[^`\n]*(?:\\\n[^`\n]*)*", page.read_text()):
        assert set(re.findall(r"(?<=\s)--[a-z-]+", command)) <= known, command


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make (\w+)", README):
        assert f"\n{target}:" in makefile, target
