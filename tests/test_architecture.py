"""The house rules, as tests: imports point one way, and only adapters touch the network."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("pyingest", "shadow", "replay", "compare")
MAY_IMPORT = {
    "pyingest": set[str](),
    "shadow": {"pyingest"},
    "replay": {"shadow", "pyingest"},
    "compare": {"shadow", "pyingest"},
    "cli": {"pyingest", "shadow", "replay", "compare"},
}
ADAPTERS = {
    "pyingest/aliasing/sqlite.py",
    "pyingest/command.py",
    "pyingest/durability/attempts.py",
    "pyingest/durability/drain.py",
    "pyingest/durability/durable.py",
    "pyingest/durability/spool.py",
    "pyingest/connection.py",
    "pyingest/http.py",
    "pyingest/crowd.py",
    "pyingest/lean.py",
    "pyingest/loops.py",
    "pyingest/queues/file.py",
    "pyingest/outlet.py",
    "pyingest/reception.py",
    "pyingest/server.py",
    "pyingest/sinks.py",
    "pyingest/queues/faulty.py",
    "pyingest/queues/kestrel.py",
    "pyingest/queues/kestrel_connection.py",
    "pyingest/queues/kestrel_fleet.py",
    "pyingest/queues/kestrel_reader.py",
    "pyingest/queues/kestrel_server.py",
    "pyingest/queues/batches.py",
    "pyingest/queues/deadline.py",
    "pyingest/queues/kafka_queue.py",
    "pyingest/queues/kafka_reader.py",
    "pyingest/queues/kestreld.py",
    "pyingest/queues/link.py",
    "pyingest/queues/loop_queue.py",
    "pyingest/queues/loop_thread.py",
    "pyingest/queues/nats_connection.py",
    "pyingest/queues/nats_queue.py",
    "pyingest/queues/nats_reader.py",
    "pyingest/queues/redis_connection.py",
    "pyingest/queues/redis_queue.py",
    "pyingest/queues/redis_reader.py",
    "pyingest/queues/opening.py",
    "pyingest/queues/sqlite.py",
    "pyingest/serving/admin.py",
    "pyingest/serving/admission.py",
    "pyingest/serving/child.py",
    "pyingest/serving/letterbox.py",
    "pyingest/serving/letterpost.py",
    "pyingest/serving/crew.py",
    "pyingest/serving/logfile.py",
    "pyingest/serving/quickly.py",
    "pyingest/serving/running.py",
    "pyingest/serving/slot.py",
    "pyingest/serving/sockets.py",
    "pyingest/serving/supervisor.py",
    "pyingest/serving/worker.py",
    "pyingest/serving/workerend.py",
    "pyingest/queues/testing_faults.py",
    "pyingest/terminal.py",
    "pyingest/traffic/command.py",
    "shadow/command.py",
    "shadow/isolating/command.py",
    "shadow/doctor/command.py",
    "shadow/doctor/echo.py",
    "shadow/doctor/echoclient.py",
    "shadow/doctor/echoleg.py",
    "shadow/doctor/probing.py",
    "shadow/doctor/proxied.py",
    "shadow/proxy.py",
    "shadow/relaying/door.py",
    "shadow/relaying/link.py",
    "shadow/relaying/pool.py",
    "shadow/relaying/visitor.py",
    "shadow/runs/command.py",
    "shadow/runs/keeper.py",
    "shadow/service.py",
    "shadow/serving/command.py",
    "shadow/serving/front.py",
    "shadow/serving/livepage.py",
    "shadow/serving/supervisor.py",
    "shadow/serving/taps.py",
    "shadow/serving/telling.py",
    "shadow/serving/worker.py",
    "shadow/tap.py",
    "replay/upstream.py",
    "compare/noise/command.py",
    "compare/command.py",
    "compare/cutover/asking.py",
    "compare/cutover/command.py",
    "compare/live/child.py",
    "compare/live/command.py",
    "compare/live/service.py",
    "compare/live/site.py",
    "compare/live/stream.py",
    "compare/policy/command.py",
    "compare/verify_command.py",
    "replay/command.py",
    "replay/demo.py",
    "replay/driver.py",
    "replay/importing/command.py",
    "replay/importing/queues.py",
    "replay/legacy.py",
    "replay/processes.py",
    "cli.py",
}
IO = {"twisted", "treq", "click", "socket", "asyncio", "subprocess", "sqlite3"}
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULES.append(ROOT / "cli.py")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    here = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert imported(path) & (MAY_IMPORT.keys() - {here}) <= MAY_IMPORT[here]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_adapters_touch_the_network(path: Path) -> None:
    if name(path) not in ADAPTERS and path.name != "testing.py":
        assert not imported(path) & IO


def test_every_adapter_named_here_exists() -> None:
    assert {name(path) for path in MODULES} >= ADAPTERS


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_file_stays_below_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_stays_below_forty_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node) or ""
            lines = (node.end_lineno or 0) - node.lineno + 1 - len(docstring.splitlines())
            assert lines <= 40, f"{node.name}: {lines} lines"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_init_is_only_a_docstring(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert len(body) == 1
        assert isinstance(body[0], ast.Expr)


def test_there_is_no_init_file_under_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))
