"""Real client libraries, and the server they talk to."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.ingestion import Ingestion, serving


def skip(why: str) -> None:
    pytest.skip(f"{why} (bash scripts/install-clients.sh)")


def cache() -> Path:
    """Return where ``scripts/install-clients.sh`` puts the clients."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("MIXMIGRATE_CLIENTS", base / "mixmigrate" / "clients"))


@pytest.fixture(scope="module", params=["classic", "modern"])
def ingestion(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ingestion]:
    """Return a server of each contract in turn."""
    with serving(tmp_path_factory.mktemp("ingest"), "--contract", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingestion]:
    """Return a server of the classic contract."""
    with serving(tmp_path_factory.mktemp("classic"), "--contract", "classic") as running:
        yield running


@pytest.fixture(scope="module")
def modern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingestion]:
    """Return a server of the modern contract."""
    with serving(tmp_path_factory.mktemp("modern"), "--contract", "modern") as running:
        yield running


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of node, or skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed (Debian: nodejs)")
    return found


def package(name: str) -> Path:
    """Return the folder of an npm package, or skip."""
    found = cache() / "node_modules" / name
    if not (found / "package.json").exists():
        skip(f"the npm package {name} is not in {cache()}")
    return found


@pytest.fixture(scope="session")
def node_modules(node: str) -> Path:
    """Return the folder of the npm packages, or skip."""
    return package("mixpanel").parent


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium, or skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    return found
