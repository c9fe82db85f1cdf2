"""`mixmigrate calibrate`: from a run of legacy against legacy to a piece of a policy."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from compare.judging.latency import Windows
from compare.noise.calibrating import calibrate_run, speeds, warnings
from compare.noise.calibration_text import at_most, covering
from compare.noise.command import calibrate_command
from compare.noise.rules import FieldRule, contradictions
from compare.policy.policy import load
from compare.testing import GOOD_TAP, dual_run, recorded
from pyingest.message import Request, Response
from pyingest.wire.profile import MOCHIWEB
from shadow.exchange import Answered, Exchange, NotMirrored, Reason, Side, TappedEvent
from shadow.recording import RunReader

ONE = Answered(Response(200, b"OK", (), b"1"), 0.001)
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def event(number: int, extra: str = "", stamp: str = ',"time":5') -> bytes:
    return (
        f'{{"event":"e","properties":{{"token":"t","distinct_id":"p{number}","n":{number}'
        f"{stamp}{extra}}}}}"
    ).encode()


def exchange(number: int, stamp: str = ',"time":5') -> Exchange:
    request = Request(b"POST", b"/track", FORM, b"data=" + event(number, stamp=stamp))
    return Exchange(number, 1000.0 + number, request, ONE, ONE)


def on(side: Side, body: bytes, queue: str = "events") -> TappedEvent:
    return TappedEvent(side, queue, 0, 1000.0, body)


def twice(number: int, ours: str, theirs: str) -> list[TappedEvent]:
    """Return both sides' event, each with fields that the service adds."""
    return [
        on(Side.LEGACY, event(number, ours)),
        on(Side.CANDIDATE, event(number, theirs)),
    ]


def noisy(directory: Path, count: int = 40) -> RunReader:
    """Record a legacy that gives each event an id and a load of its own."""
    events: list[TappedEvent] = []
    for number in range(1, count + 1):
        fields = [
            f',"id":"{(number * 7919 + side) ** 5 % 36**8:08x}"'
            f',"load":{number % 7 + side},"tags":{json.dumps(["a", "b"][:: 1 - 2 * side])}'
            for side in (0, 1)
        ]
        events += twice(number, *fields)
    return recorded(directory, map(exchange, range(1, count + 1)), events)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(calibrate_command, arguments)


def rules_in(text: str) -> list[FieldRule]:
    return msgspec.convert(tomllib.loads(text)["noise"]["field"], list[FieldRule])


def test_it_prints_rules_that_a_policy_can_hold(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 0, result.stderr
    rules = rules_in(result.stdout)
    assert [(rule.path, rule.class_) for rule in rules] == [
        ("properties.id", "shape"),
        ("properties.load", "tolerance"),
        ("properties.tags", "unordered"),
    ]
    assert rules[1].at_most == 1.0
    assert not list(contradictions(rules))


def test_what_is_no_rule_goes_to_stderr(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    result = run(str(tmp_path / "run"))
    assert "/track: 40 pairs of events, 5 fields never differed" in result.stderr
    assert "only 40 requests" in result.stderr
    assert "never differed" not in result.stdout


def test_each_rule_says_how_much_evidence_it_has(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    text = run(str(tmp_path / "run")).stdout
    assert "# differed in 40 of 40 pairs; covers 92 % of them (95 % confidence)" in text
    assert "calibrated = { events = 40, seen = 40, differed = 40 }" in text


def test_it_writes_a_file(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    out = tmp_path / "noise.toml"
    result = run(str(tmp_path / "run"), "--out", str(out))
    assert result.exit_code == 0
    assert f"written: {out}" in result.stdout
    assert len(rules_in(out.read_text())) == 3


def test_the_piece_can_stand_at_the_end_of_a_policy(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    piece = run(str(tmp_path / "run")).stdout
    whole = tomllib.loads(load("default")[1] + "\n" + piece)
    assert len(whole["noise"]["field"]) == 3
    assert whole["noise"]["server_time_seconds"] == 2.0


def test_as_json_it_tells_everything(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    data = json.loads(run(str(tmp_path / "run"), "--json").stdout)
    assert data["exit_code"] == 0
    assert data["pairs"] == {"track": 40}
    assert [rule["class"] for rule in data["rules"]] == ["shape", "tolerance", "unordered"]
    assert data["troubles"] == []
    assert [told.split(":")[0] for told in data["warnings"]] == [
        "only 40 requests",
        "the run is too short to say whether the harness favours one side",
    ]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    noisy(tmp_path / "run")
    assert run(str(tmp_path / "run")).stdout == run(str(tmp_path / "run")).stdout


def test_a_legacy_that_repeats_itself_needs_no_rule(tmp_path: Path) -> None:
    dual_run(tmp_path / "run", [exchange(number).request for number in range(20)], MOCHIWEB)
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 0, result.stderr
    assert "no rule is needed" in result.stdout
    assert "noise" not in tomllib.loads(result.stdout)


def test_times_that_the_services_set_are_no_field_rule(tmp_path: Path) -> None:
    requests = [exchange(number, stamp="").request for number in range(20)]
    dual_run(tmp_path / "run", requests, MOCHIWEB, lag=1.0)
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 0, result.stderr
    assert "noise" not in tomllib.loads(result.stdout)
    assert "up to 1 s apart" in result.stdout


def lost(events: Iterable[TappedEvent], directory: Path) -> Result:
    recorded(directory, map(exchange, range(1, 11)), events)
    return run(str(directory))


def test_a_legacy_that_loses_events_against_itself_is_told(tmp_path: Path) -> None:
    events = [one for number in range(1, 11) for one in twice(number, "", "")][:-1]
    result = lost(events, tmp_path / "run")
    assert result.exit_code == 1
    assert "1 event missing on the second side" in result.stderr


def test_an_event_on_another_queue_is_told(tmp_path: Path) -> None:
    events = [one for number in range(1, 11) for one in twice(number, "", "")]
    events[-1] = replace(events[-1], queue="profiles")
    result = lost(events, tmp_path / "run")
    assert result.exit_code == 1
    assert "1 pair of events on queues of different names" in result.stderr


def test_a_difference_that_no_rule_takes_is_told(tmp_path: Path) -> None:
    events = [one for number in range(1, 11) for one in twice(number, ',"x":1', ',"x":"1"')]
    result = lost(events, tmp_path / "run")
    assert result.exit_code == 1
    assert "/track#properties.x: 10 differences of kind type" in result.stderr


def test_half_a_surrogate_pair_in_a_key_is_told_and_not_written(tmp_path: Path) -> None:
    odd = ',"\\ud800":{}'
    events = [one for number in range(1, 11) for one in twice(number, odd.format(1), odd.format(2))]
    result = lost(events, tmp_path / "run")
    assert result.exit_code == 1
    assert "half a surrogate pair" in result.stderr
    assert "[[noise.field]]" not in result.stdout


def test_answers_that_differ_are_told(tmp_path: Path) -> None:
    other = Answered(Response(200, b"OK", (), b"0"), 0.001)
    recorded(
        tmp_path / "run",
        [replace(exchange(1), candidate=other)],
        twice(1, "", ""),
    )
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 1
    assert "the answers: 1 difference of kind body" in result.stderr


def test_events_of_requests_that_were_held_back_are_not_missing(tmp_path: Path) -> None:
    held = replace(exchange(2), candidate=NotMirrored(Reason.SHED))
    events = [*twice(1, "", ""), on(Side.LEGACY, event(2))]
    recorded(tmp_path / "run", [exchange(1), held], events)
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 0, result.stderr


def warned(values: list[tuple[str, str]], directory: Path) -> list[str]:
    """Return what is said about a field ``x`` of these values."""
    events = [
        one
        for number, (ours, theirs) in enumerate(values, 1)
        for one in twice(number, f',"x":{ours}', f',"x":{theirs}')
    ]
    recorded(directory, map(exchange, range(1, len(values) + 1)), events)
    found = calibrate_run(RunReader(directory), load("default")[0], lambda *_: None)
    assert found.exit_code == 0
    return [told for told in warnings(found) if "#properties.x" in told]


def test_a_text_that_hardly_ever_differs_is_doubted(tmp_path: Path) -> None:
    same = [('"a"', '"a"')] * 150
    assert warned([*same, ('"a"', '"b"')], tmp_path / "rare")
    assert not warned([('"a"', '"b"')] * 5, tmp_path / "often")


def test_texts_of_no_common_form_are_told(tmp_path: Path) -> None:
    (told,) = warned([('"a.b"', '"a-bc"')], tmp_path / "run")
    assert "no form in common" in told


def test_numbers_that_differ_by_their_own_size_are_told(tmp_path: Path) -> None:
    (told,) = warned([("7", "900"), ("650", "12")], tmp_path / "run")
    assert "takes nearly any" in told
    assert not warned([("650", "652")], tmp_path / "near")


@pytest.mark.parametrize("side", Side)
def test_a_run_whose_tap_failed_cannot_be_used(tmp_path: Path, side: Side) -> None:
    taps = {one.value: GOOD_TAP for one in Side} | {side.value: GOOD_TAP | {"error": "it broke"}}
    recorded(tmp_path / "run", [exchange(1)], twice(1, "", ""), taps)
    result = run(str(tmp_path / "run"))
    assert result.exit_code == 4
    assert "NOT USABLE" in result.stderr
    assert not result.stdout


def test_of_repeats_only_those_held_back_are_not_missing(tmp_path: Path) -> None:
    held = replace(exchange(1), number=3, candidate=NotMirrored(Reason.SHED))
    events = [*twice(1, "", ""), on(Side.LEGACY, event(1)), on(Side.LEGACY, event(1))]
    recorded(tmp_path / "run", [exchange(1), replace(exchange(1), number=2), held], events)
    found = calibrate_run(RunReader(tmp_path / "run"), load("default")[0], lambda *_: None)
    assert sum(found.lone.values()) == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "usable"),
    [
        ({"queue": "kestrel://q/a"}, {"queue": "kestrel://q/a"}, False),
        ({"queue": "kestrel://q/a"}, {"queue": "kestrel://q/b"}, True),
        ({"build": "1.0"}, {"build": "2.0"}, False),
        ({"build": "1.0"}, {"build": "1.0"}, True),
        ({"build": "", "queue": ""}, {"build": "1.0", "queue": ""}, True),
    ],
)
def test_a_run_of_anything_but_two_equal_legacies_cannot_be_used(
    tmp_path: Path, ours: dict[str, str], theirs: dict[str, str], usable: bool
) -> None:
    reader = recorded(tmp_path / "run", [exchange(1)], twice(1, "", ""))
    reader.manifest.legacy, reader.manifest.candidate = ours, theirs
    found = calibrate_run(reader, load("default")[0], lambda *_: None)
    assert (found.exit_code == 0) is usable


def test_a_run_without_requests_cannot_be_used(tmp_path: Path) -> None:
    recorded(tmp_path / "run", [], [])
    out = tmp_path / "noise.toml"
    assert run(str(tmp_path / "run"), "--out", str(out)).exit_code == 4
    assert not out.exists()


def test_a_directory_that_is_no_run_is_wrong_usage(tmp_path: Path) -> None:
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    noisy(tmp_path / "run", 3)
    assert run(str(tmp_path / "run"), "--out", str(tmp_path / "no" / "x.toml")).exit_code == 2


def timed(ours: float, theirs: float, windows: int = 60) -> Windows:
    found = Windows(10.0)
    for number in range(windows * 50):
        found.add(1000.0 + number / 5, ours, theirs)
    return found


@pytest.mark.parametrize(
    ("ours", "theirs", "biased"), [(0.01, 0.01, False), (0.01, 0.02, True), (0.02, 0.01, True)]
)
def test_a_side_that_is_always_slower_is_a_bias(ours: float, theirs: float, biased: bool) -> None:
    found = list(speeds(timed(ours, theirs), load("default")[0]))
    assert {speed.biased for speed in found} == {biased}


def test_a_few_windows_say_nothing_about_bias() -> None:
    found = list(speeds(timed(0.01, 0.01, windows=5), load("default")[0]))
    assert {speed.biased for speed in found} == {None}


def test_windows_with_too_few_requests_say_nothing_about_bias() -> None:
    windows = Windows(10.0)
    for number in range(300):
        windows.add(1000.0 + number * 5, 0.01, 0.02)
    found = list(speeds(windows, load("default")[0]))
    assert [speed.biased for speed in found] == [None]


def test_a_biased_harness_is_told(tmp_path: Path) -> None:
    reader = noisy(tmp_path / "run", 5)
    found = calibrate_run(reader, load("default")[0], lambda *_: None)
    assert found.exit_code == 0
    found.speeds = list(speeds(timed(0.01, 0.02), load("default")[0]))
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.9, "90 %"), (0.99, "99 %"), (0.99001, "99 %"), (0.99949, "99.94 %"), (0.0, "0 %")],
)
def test_a_covered_share_is_rounded_down(share: float, told: str) -> None:
    assert covering(share) == told


def test_an_upper_bound_is_rounded_up() -> None:
    assert at_most(0.00101) == "0.11 %"
    assert at_most(1.0) == "100 %"
