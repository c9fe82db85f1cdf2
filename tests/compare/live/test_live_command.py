"""`mixmigrate live`: what it refuses before it listens, in words."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main


def refused(directory: Path, *words: str) -> str:
    (directory / "empty").write_text(" \n")
    (directory / "token").write_text("secret\n")
    (directory / "broken.toml").write_text("[gate\n")
    given = [word.replace("DIR", str(directory)) for word in words]
    found = CliRunner().invoke(main, ["live", *given])
    assert found.exit_code == 2
    return found.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("DIR/run", "--policy", "DIR/broken.toml"), "broken.toml"),
        (("DIR/run", "--policy", "DIR/none.toml"), "none.toml"),
        (("DIR/run", "--token-file", "DIR/empty"), "empty; write the token into it"),
        (("DIR/run", "--token-file", "DIR/none"), "does not exist"),
        (("DIR/run", "--token-file", "DIR/token", "--token", "x"), "give one of them"),
        (("DIR/none/run",), "no such directory"),
        (("DIR/run", "--listen", "8080"), "not HOST:PORT"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused(tmp_path, *words)
