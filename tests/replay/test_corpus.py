"""Synthetic traffic: reproducible, distinct, sendable, and of every kind."""

import json
from base64 import b64decode
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.message import Request
from pyingest.wire.requestreader import Arrived, RequestReader
from replay.corpus import MIX, START, synthetic, traffic, write_corpus
from replay.entry import Entry
from replay.formats.detection import read_log

SAMPLE = list(synthetic(8000, 11))


def of(dialect: str) -> list[Request]:
    return [item.request for item in SAMPLE if item.dialect == dialect]


def data_of(request: Request) -> bytes:
    query = request.body or urlsplit(request.target).query
    return parse_qs(query, keep_blank_values=True)[b"data"][0]


@settings(max_examples=20, deadline=None)
@given(st.integers())
def test_seed_fixes_every_byte(seed: int) -> None:
    assert list(synthetic(50, seed)) == list(synthetic(50, seed))
    assert list(synthetic(50, seed)) != list(synthetic(50, seed + 1))


def test_fewer_requests_are_the_first_of_more() -> None:
    assert list(traffic(50, 3)) == list(traffic(100, 3))[:50]


def test_eight_thousand_requests_hold_dozens_of_each_dialect() -> None:
    counts = Counter(item.dialect for item in SAMPLE)
    assert counts.keys() == MIX.keys()
    assert min(counts.values()) >= 12, counts.most_common()[-3:]


def test_about_two_in_a_hundred_are_junk() -> None:
    junk = ("bad base64", "bad JSON", "incomplete", "nothing", "unknown path", "put")
    assert 0.015 <= sum(len(of(name)) for name in junk) / len(SAMPLE) <= 0.03


def test_no_two_requests_are_alike() -> None:
    keys = {(r.method, r.target, r.body) for r in (item.request for item in SAMPLE)}
    assert len(keys) == len(SAMPLE)


def test_no_request_is_refused_by_http_itself() -> None:
    for item in SAMPLE:
        (received,) = RequestReader().feed(item.request.encode())
        assert isinstance(received, Arrived), item.dialect
        assert received.request == item.request


def test_request_lines_stay_below_the_limit_of_mochiweb() -> None:
    assert max(len(item.request.target) for item in SAMPLE) < 8000


def test_time_goes_on_at_about_a_thousand_a_second() -> None:
    times = [item.seconds for item in SAMPLE]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[-1] == pytest.approx(8.0, rel=0.1)


def test_corpus_is_a_log_that_is_read_back_whole(tmp_path: Path) -> None:
    write_corpus(tmp_path / "a", 500, 5)
    write_corpus(tmp_path / "b", 500, 5)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    entries = [entry for entry in read_log(tmp_path / "a") if isinstance(entry, Entry)]
    made = list(traffic(500, 5))
    assert [entry.request for entry in entries] == [request for _, request in made]
    assert [entry.at for entry in entries] == [START + seconds for seconds, _ in made]


@pytest.mark.parametrize("dialect", ["browser batch", "browser get", "node", "ruby", "java"])
def test_well_behaved_libraries_send_json_in_base64(dialect: str) -> None:
    for request in of(dialect):
        json.loads(b64decode(data_of(request), validate=True))


def test_python_sends_plain_json_and_its_flags_in_the_form() -> None:
    for request in of("python"):
        json.loads(data_of(request))
        assert request.body.endswith(b"&verbose=1&ip=0")


@pytest.mark.parametrize(
    ("dialect", "sign"),
    [
        ("trailing comma", b",}"),
        ("duplicate keys", b'"plan":"pro"}'),
        ("control characters", b"line\nsecond\tcolumn\x01"),
        ("unknown escapes", rb"C:\Programs"),
        ("lone surrogate", rb'x\ud83d"'),
        ("CESU-8", b"\xed\xa0\xbd\xed\xb9\x82"),
        ("float text", b'"n0":'),
        ("big integer", b'"order_id":'),
    ],
)
def test_odd_json_is_odd_as_meant(dialect: str, sign: bytes) -> None:
    for request in of(dialect):
        assert sign in b64decode(data_of(request))


def test_events_without_a_time_have_none() -> None:
    for request in of("no time"):
        assert "time" not in json.loads(b64decode(data_of(request)))["properties"]


def test_odd_base64_is_odd_as_meant() -> None:
    assert all(len(data_of(request)) % 4 for request in of("unpadded base64"))
    assert all(data_of(request).endswith(b"==") for request in of("over-padded base64"))
    assert all(b"\n" in data_of(request)[:-1] for request in of("python 2 base64"))
    special = [request for request in of("URL-safe base64") if set(data_of(request)) & set(b"-_")]
    assert len(special) > len(of("URL-safe base64")) / 2
    assert any(b"+" in request.target for request in of("unescaped get"))


def test_separators_and_chains_are_as_meant() -> None:
    assert all(b";data=" in request.target for request in of("semicolons"))
    for request in of("proxy chain"):
        chains = [value for name, value in request.headers if name == b"X-Forwarded-For"]
        assert len(chains) == 1
        assert b", " in chains[0]
