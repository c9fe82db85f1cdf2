"""What every test gets: no failure goes unnoticed, and in CI no skip does."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from twisted.logger import LogEvent, globalLogPublisher

# How long an example takes says more of the machine than of the code: speed is for benchmarks.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what a dual run keeps in its user's home, such as keys, out of that of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[list[LogEvent]]:
    """Fail a test that leaves a failure in Twisted's log; one that expects it empties the list."""
    seen: list[LogEvent] = []

    def remember(event: LogEvent) -> None:
        if "log_failure" in event:
            seen.append(event)

    globalLogPublisher.addObserver(remember)  # type: ignore[arg-type]  # any callable will do
    yield seen
    gc.collect()
    # What a test imported need not be looked at again after each of the others.
    gc.freeze()
    globalLogPublisher.removeObserver(remember)  # type: ignore[arg-type]
    assert not seen, [event["log_failure"].getErrorMessage() for event in seen]


def pytest_collection_finish() -> None:
    """Take what is loaded by now out of the collector's sight, which looks after each test."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn an unexpected skip into a failure where everything is installed."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("MIXMIGRATE_NO_SKIPS") and skipped and exitstatus == 0:
        reporter.write_line(f"{len(skipped)} unexpected skips", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
