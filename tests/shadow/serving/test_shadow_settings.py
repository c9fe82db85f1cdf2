"""mixmigrate.toml: a flag wins, and an error says where, what, and what is allowed."""

from pathlib import Path

import msgspec
import pytest

from pyingest.serving.control import Begin, line
from pyingest.serving.reading import SettingsError
from shadow.isolating.settings import Isolating
from shadow.serving.place import Role
from shadow.serving.reading import options_of, read_settings
from shadow.serving.settings import Settings
from shadow.serving.worker import TO_WORKER, Duty

SIDES = """
[shadow]
legacy = "http://127.0.0.1:8080"
candidate = "http://127.0.0.1:8001"
legacy_queue = "kestrel://127.0.0.1:22133/events,profiles"
candidate_queue = "sqlite:/tmp/q.db#events,profiles"
run = "runs/first"
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "mixmigrate.toml"
    path.write_text(text)
    return path


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, SIDES + "workers = 3\n[sampling]\nshare = 0.5\n")
    settings = read_settings(path, {"shadow.workers": 2, "sampling.share": None})
    assert (settings.shadow.workers, settings.sampling.share) == (2, 0.5)
    assert settings.is_single is False


def test_one_worker_without_a_live_page_is_one_process(tmp_path: Path) -> None:
    path = written(tmp_path, SIDES)
    assert read_settings(path, {}).is_single
    assert not read_settings(path, {"shadow.live": "127.0.0.1:0"}).is_single


def test_what_a_process_is_told_is_what_the_file_says(tmp_path: Path) -> None:
    text = (
        SIDES
        + """
candidate_live = "http://127.0.0.1:8002"
[timeouts]
answer = 3
[[rules]]
path = "/health"
[isolation.lane]
in_flight = 7
"""
    )
    settings = read_settings(written(tmp_path, text), {})
    options = options_of(settings)
    assert (options.host, options.port) == ("127.0.0.1", 8000)
    assert options.legacy.queue.startswith("kestrel:")
    assert (options.candidate_live, options.answer_seconds) == ("http://127.0.0.1:8002", 3.0)
    assert options.isolating.isolation.lane.in_flight == 7
    assert options.isolating.rules[0].path == "/health"


def test_defaults_stand_in_one_place_only() -> None:
    assert options_of(Settings()).isolating == Isolating()


@pytest.mark.parametrize(
    "name", ["cutover", "doctor", "replay", "compare", "calibrate", "gate", "listen", "shadow2"]
)
def test_a_section_that_no_command_reads_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, SIDES + f"[{name}]\nanything = 1\n")
    known = ", ".join(Settings.__struct_fields__)
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    assert str(caught.value) == f"{path}: {name}: no such section; allowed here: {known}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[shadwo]\nlegacy = 'x'", ["shadwo", "no such section", "shadow"]),
        ("[shadow]\nlegcy = 'x'", ["shadow.legcy", "no such key", "legacy"]),
        (SIDES + "workers = 0", ["shadow.workers", ">= 1"]),
        (SIDES + 'workers = "many"', ["shadow.workers", "a whole number"]),
        (SIDES + 'listen = "here"', ["shadow.listen", "HOST:PORT"]),
        (SIDES + 'live = "here"', ["shadow.live", "HOST:PORT"]),
        (SIDES + 'legacy_shadow = "127.0.0.1:80"', ["shadow.legacy_shadow", "http://HOST:PORT"]),
        (SIDES + 'legacy_shadow = "http://[::1"', ["shadow.legacy_shadow", "http://HOST:PORT"]),
        (SIDES + 'legacy_shadow = "http://127.0.0.1:8000"', ["legacy_shadow", "proxy itself"]),
        (SIDES + "[timeouts]\nanswer = 1e9", ["timeouts.answer", "<= 86400"]),
        (SIDES + "[timeouts]\nanswer = inf", ["timeouts.answer: inf", "write a finite one"]),
        (SIDES + "[isolation.trips]\nstall = nan", ["isolation.trips.stall: nan", "finite"]),
        (SIDES + "[isolation.trips]\nlane = inf", ["isolation.trips.lane: inf", "finite"]),
        (SIDES + "[[rules]]\nshare = -inf", ["rules[0].share: -inf", "finite"]),
        (SIDES + "backlog = 9223372036854775808", ["shadow.backlog", "is too large"]),
        (SIDES + "backlog = 1" + "0" * 5000, ["is no TOML"]),
        (SIDES + "[recording]\nkeep_bytes = '1" + "0" * 400 + "'", ["recording.keep_bytes"]),
        (SIDES + "[recording]\nredact = ['']", ["recording.redact", "names no field"]),
        (SIDES + "[sampling]\nsticky = 'x'", ["sampling.sticky", "request, token, distinct_id"]),
        (SIDES + "[timeouts]\nanswer = 0", ["timeouts.answer", ">= 0.1"]),
        (SIDES + "[relaying.times]\nidle = 0", ["relaying.times.idle", ">= 1"]),
        (SIDES + "[relaying.times]\nidle = 1.5", ["relaying.times.idle", "a whole number"]),
        (SIDES + "[relaying.times]\nlinger = 86401", ["relaying.times.linger", "<= 86400"]),
        (SIDES + "[relaying.times]\nhead = 301", ["relaying.times.head", "300 s"]),
        (SIDES + "[relaying.times]\nheads = 1", ["relaying.times.heads", "idle, head, request"]),
        (SIDES + "[relaying.limits]\nhead = 100", ["relaying.limits.head", ">= 1024"]),
        (SIDES + "[relaying.limits]\nhead = 16777217", ["relaying.limits.head", "<= 16777216"]),
        (SIDES + "[relaying.limits]\nkept = 268435457", ["relaying.limits.kept", "268,435,456"]),
        (SIDES + "[logs]\nlevel = 'loud'", ["logs.level", "debug, info"]),
        (SIDES + "[[rules]]\nactoin = 'skip'", ["rules[0].actoin", "no such key", "action"]),
        (SIDES + "[[rules]]\naction = 'jump'", ["rules[0].action", "mirror, skip, sample"]),
        (SIDES + "[[rules]]\nregex = '('", ["rules[1]", "regex"]),
        (SIDES.replace("run =", "notes = []\n#"), ["no run", "--run"]),
        (SIDES.replace("#events,profiles", "#events"), ["2 queues", "1 queues", "same order"]),
        ("[shadow]", ["no legacy", "--legacy"]),
        ("x = [", ["is no TOML"]),
        ("x = " + "[" * 5000, ["is no TOML"]),
    ],
    ids=lambda value: value[-40:] if isinstance(value, str) else "",
)
def test_an_error_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_without_a_file_the_flags_are_enough() -> None:
    names = ("legacy", "candidate")
    flags = {f"shadow.{name}": f"http://127.0.0.1:{80 + at}" for at, name in enumerate(names)}
    flags |= {f"shadow.{name}_queue": f"sqlite:/tmp/{name}.db#events" for name in names}
    with pytest.raises(SettingsError, match=r"the flags: no run: .* --run"):
        read_settings(None, flags)
    assert read_settings(None, {**flags, "shadow.run": "r"}).shadow.run == "r"


def test_a_process_understands_what_its_supervisor_says(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, SIDES + "[[rules]]\npath = '/x'\n"), {})
    begin = Begin(Duty(Role.TAP, settings, 17.5), 0, 2)
    assert TO_WORKER.decode(line(begin)) == begin
    assert msgspec.structs.asdict(begin.settings)["role"] is Role.TAP
