"""The evidence file: all that a verdict depends on, exactly, and the same bytes each time."""

import contextlib
import dataclasses
import json
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.judgement import judge_run
from compare.judging.latency import Histogram, Windows
from compare.judging.verdict import judge
from compare.policy.policy import load, parse
from compare.render.as_json import render_json
from compare.render.files import write_reports
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    equal_windows,
    manifest,
    report_of,
)
from compare.report import evidence, report
from compare.stages.tally import Summary
from compare.stored import (
    NAME,
    Stored,
    StoredError,
    content,
    digest,
    numbered,
    packed,
    parsed,
    unpacked,
)
from compare.testing import dual_run
from pyingest.message import Request
from shadow.runs.manifest import Manifest

ODD = st.text(alphabet='a"\\/\x00\n\x7f\ud800\udfff\u2028\u202e\U0001f600é', max_size=12)


def stored(summary: Summary | None = None) -> Stored:
    return evidence(report_of(summary or differing_summary()))


def requests(count: int) -> list[Request]:
    bodies = (b'data={"event":"a","properties":{"token":"t","n":%d,}}' % n for n in range(count))
    header = (b"Content-Type", b"application/x-www-form-urlencoded")
    return [Request(b"POST", b"/track", (header,), body) for body in bodies]


def test_what_is_read_is_what_was_written() -> None:
    before = stored()
    after = parsed(unpacked(packed(before)))
    assert content(after) == content(before)
    assert after.manifest == before.manifest
    assert after.policy_text == before.policy_text
    for one in dataclasses.fields(Summary):
        if one.name != "windows":
            assert getattr(after.summary, one.name) == getattr(before.summary, one.name), one.name


def test_histograms_are_exact() -> None:
    before, after = stored(), parsed(content(stored()))
    for (number, one), (same, other) in zip(
        numbered(before.summary.windows), numbered(after.summary.windows), strict=True
    ):
        assert number == same
        for side in ("legacy", "candidate"):
            left, right = getattr(one, side), getattr(other, side)
            assert [getattr(left, name) for name in Histogram.__slots__] == [
                getattr(right, name) for name in Histogram.__slots__
            ]


def test_windows_keep_every_attribute() -> None:
    before, after = stored().summary.windows, parsed(content(stored())).summary.windows
    plain = {name for name in vars(before) if name != "_windows"}
    assert vars(after).keys() == vars(before).keys()
    assert {name: vars(after)[name] for name in plain} == {
        name: vars(before)[name] for name in plain
    }


def test_a_run_without_requests_keeps_its_infinite_ends() -> None:
    before = stored(clean_summary(0, Windows(2.5)))
    after = parsed(content(before)).summary.windows
    assert (after.seconds, after.first, after.last) == (2.5, float("inf"), float("-inf"))
    assert b"Infinity" not in content(before)


def test_the_order_in_which_windows_were_filled_does_not_show() -> None:
    times = [(at / 10, 0.001 * (1 + at % 7)) for at in range(200)]
    texts = set()
    for seed in (1, 2):
        random.Random(seed).shuffle(times)
        windows = Windows(1.0)
        for at, took in times:
            windows.add(at, took, took)
        texts.add(content(stored(clean_summary(10, windows))))
    assert len(texts) == 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=ODD, names=st.dictionaries(ODD, st.integers(), max_size=3))
def test_texts_that_no_encoding_takes_are_kept(text: str, names: dict[str, int]) -> None:
    summary = clean_summary(5, Windows(1.0))
    summary.causes = [cause(title=text)]
    summary.tokens, summary.damage = names, [text]
    after = parsed(content(Stored(text, manifest(), summary, text))).summary
    assert after.causes[0].title == text
    assert list(after.tokens.items()) == list(names.items())
    assert after.damage == [text]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    rules, text = load("demo")
    written = []
    for name in ("one", "two"):
        run = dual_run(tmp_path / name / "run", requests(20)).directory
        made = judge_run(run, rules, text, lambda *_: None)
        write_reports(made, tmp_path / name / "out")
        written.append((tmp_path / name / "out" / NAME).read_bytes())
    assert written[0] == written[1]


def test_a_judged_run_is_judged_the_same_from_its_evidence(tmp_path: Path) -> None:
    rules, text = load("demo")
    run = dual_run(tmp_path / "run", requests(30)).directory
    made = judge_run(run, rules, text, lambda *_: None)
    after = parsed(unpacked(packed(evidence(made))))
    assert made.summary.causes
    assert judge(after.summary, after.manifest, parse(after.policy_text, "t")) == made.verdict
    again = report(after.run, after.manifest, after.summary, rules, after.policy_text)
    assert render_json(again) == render_json(made)


def test_a_relative_gate_is_judged_the_same_from_its_evidence() -> None:
    made = report_of(clean_summary(windows=equal_windows(40, slower=1.5)))
    after = parsed(content(evidence(made)))
    assert judge(after.summary, after.manifest, made.policy) == made.verdict


def test_the_report_names_the_hash_of_the_content() -> None:
    made = report_of(differing_summary())
    told = json.loads(render_json(made))["provenance"]["evidence_sha256"]
    assert told == digest(evidence(made))


def test_another_mismatch_is_another_hash() -> None:
    before, summary = stored(), differing_summary()
    summary.units.queue_mismatches += 1
    assert digest(stored(summary)) != digest(before)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "cut short"),
        (b"PK\x03\x04 no zstd at all", "not a zstd file"),
        (packed(stored())[:-9], "cut short"),
        (packed(stored()) + b"more", "follows"),
    ],
)
def test_a_file_that_is_no_whole_frame_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(StoredError, match=what):
        unpacked(data)


def test_a_flipped_bit_is_refused_or_changes_the_text() -> None:
    good = stored(clean_summary(5, Windows(1.0)))
    data, text = packed(good), content(good)
    chance = random.Random(7)
    for _ in range(60):
        place = chance.randrange(9, len(data))  # behind the frame's header
        bad = data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
        with contextlib.suppress(StoredError):
            assert unpacked(bad) != text


def changed(**changes: object) -> bytes:
    plain = json.loads(content(stored(clean_summary(5, Windows(1.0)))))
    return json.dumps({**plain, **changes}).encode()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "format None"),
        (b'{"evidence":"mixmigrate-evidence/9"}', "mixmigrate-evidence/9"),
        (b'{"evidence":"mixmigrate-evidence/1"}', "missing required field"),
        (changed(policy_text=5), "policy_text"),
        (changed(manifest={"created": 1.0, "state": 3}), "state"),
        (changed(further=1), "further is unknown"),
    ],
)
def test_what_is_no_evidence_is_refused_with_the_reason(text: bytes, what: str) -> None:
    with pytest.raises(StoredError, match=what):
        parsed(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("windows",), None),
        (("windows",), {"seconds": "long"}),
        (("windows", "_windows"), [[1], []]),
        (("windows", "_windows"), [["x"], [{}]]),
        (("units",), {"distinct": "many"}),
        (("causes",), [{"title": "half"}]),
    ],
)
def test_a_broken_summary_is_refused(path: tuple[str, ...], value: object) -> None:
    plain = json.loads(content(stored(clean_summary(5, Windows(1.0)))))
    inner = plain["summary"]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(StoredError, match="not evidence"):
        parsed(json.dumps(plain).encode())


def test_a_count_that_this_version_does_not_know_is_not_passed_over() -> None:
    plain = json.loads(content(stored(clean_summary(5, Windows(1.0)))))
    plain["summary"]["units"]["from_the_future"] = 1
    with pytest.raises(StoredError, match=r"summary\.units\.from_the_future is unknown"):
        parsed(json.dumps(plain).encode())


def test_a_field_of_the_manifest_that_is_unknown_is_not_passed_over() -> None:
    plain = json.loads(content(stored(clean_summary(5, Windows(1.0)))))
    plain["manifest"]["later"] = True
    with pytest.raises(StoredError, match=r"manifest\.later is unknown"):
        parsed(json.dumps(plain).encode())


def test_the_manifest_is_kept_whole() -> None:
    made = Manifest(created=1.5, notes=["n"], taps={"legacy": {"read": 1, "nested": [1, {"a": 2}]}})
    summary = clean_summary(5, Windows(1.0))
    assert parsed(content(Stored("run", made, summary, ""))).manifest == made
    assert msgspec.structs.asdict(made)
