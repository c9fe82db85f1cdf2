"""Settings: a flag wins over the file, and an error names file, key and what is allowed."""

from pathlib import Path

import pytest

from pyingest.serving.reading import SettingsError, address, read_settings
from pyingest.serving.settings import Settings


def written(directory: Path, text: str) -> Path:
    path = directory / "ingest.toml"
    path.write_text(text)
    return path


def test_nothing_given_means_the_defaults() -> None:
    assert read_settings(None, {}) == Settings()


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[listen]\nworkers = 3\nbacklog = 7\n")
    settings = read_settings(path, {"listen.workers": 5, "listen.backlog": None})
    assert (settings.listen.workers, settings.listen.backlog) == (5, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[listen]\nport = 1", ["listen.port", "no such key", "address", "workers"]),
        ("[nonsense]", ["nonsense: no such section", "allowed here: listen, queue"]),
        ('[listen]\nworkers = "x"', ["listen.workers", "a whole number"]),
        ("[listen]\nworkers = -1", ["listen.workers", ">= 0"]),
        ("listen = 3", ["listen", "a section"]),
        ('[contract]\nname = "old"', ["contract.name", "classic, modern"]),
        ("[tokens]\nallow = [1]", ["tokens.allow[0]", "text"]),
        ('[tokens.rates]\nT = "x"', ["tokens.rates", "a number"]),
        ("[tokens.rates]\nT = inf", ["tokens.rates.T: inf", "finite"]),
        ("[metrics]\nbuckets = [1.0, inf]", ["metrics.buckets[1]: inf", "finite"]),
        ("[metrics]\nbuckets = [2.0, 1.0]", ["metrics.buckets", "grow"]),
        ('[proxies]\ntrusted = ["10.0.0.1/8"]', ["proxies.trusted", "10.0.0.0/8"]),
        ('[listen]\naddress = "here"', ["listen.address", "HOST:PORT"]),
        ('[listen]\nadmin = "here"', ["listen.admin", "HOST:PORT"]),
        ("x = [", ["is no TOML"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "nowhere.toml", {})


def test_a_host_may_stand_in_brackets() -> None:
    assert address("[::1]:80") == ("::1", 80)
    assert address(":80") == ("127.0.0.1", 80)
