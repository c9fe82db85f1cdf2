"""Which legacy server the demo and the system tests run: the Erlang one, or its stand-in."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "legacy"


@dataclass(frozen=True, slots=True)
class Erlang:
    """An Erlang that can build and run the legacy server."""

    erl: str
    erlc: str

    def build(self, directory: Path) -> None:
        """Compile the server into *directory*.

        :raises LegacyError: the compiler refuses; the text holds what it said.
        """
        sources = sorted(str(path) for path in SOURCES.glob("*.erl"))
        done = subprocess.run(
            [self.erlc, "-o", str(directory), *sources], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LegacyError(f"erlc failed:\n{done.stdout}{done.stderr}")

    def command(self, built: Path, listen: str, kestrel: str, queues: tuple[str, str]) -> list[str]:
        """Return the command that starts the server built in *built*."""
        flags = ["-noshell", "-noinput", "-pa", str(built)]
        return [self.erl, *flags, "-run", "ingest", "start", listen, kestrel, *queues]


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no Erlang to run the legacy server with."""

    why: str


class LegacyError(Exception):
    """The legacy server cannot be built or was asked for and is not there."""


def find_erlang() -> Erlang | Absent:
    """Return the Erlang of this machine, if it has MochiWeb and our sources are here."""
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    if erl is None or erlc is None:
        return Absent("erl is not installed (Debian: erlang-base erlang-inets erlang-mochiweb)")
    if not list(SOURCES.glob("*.erl")):
        return Absent(f"no Erlang sources in {SOURCES}")
    for module, package in (("mochiweb_http", "erlang-mochiweb"), ("httpd_util", "erlang-inets")):
        if not _has(erl, module):
            return Absent(f"erl has no {module} (Debian: {package})")
    return Erlang(erl, erlc)


def _has(erl: str, module: str) -> bool:
    check = f"halt(case code:which({module}) of non_existing -> 1; _ -> 0 end)."
    done = subprocess.run([erl, "-noshell", "-noinput", "-eval", check], check=False)
    return done.returncode == 0
