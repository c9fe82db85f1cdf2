"""JSON of 2011: the inputs on which it is known to differ, and that it differs nowhere else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire import json_2011
from pyingest.wire.profile import MOCHIWEB, MOCHIWEB_2011, PROFILES, Profile
from pyingest.wire.term import Unreadable

TABLE = json.loads((Path(__file__).parent / "erlang_answers.json").read_text())["json"]
KNOWN = {
    rb'"\ufffe\uffff"': None,
    b'"\xed\xa0\x80"': rb'"\ud800"',
    b'"\xed\xa0\xbd\xed\xb8\x80"': rb'"\ud83d\ude00"',
    b'{"a":"ok","b":"\xed\xa0\xbd"}': rb'{"a":"ok","b":"\ud83d"}',
    b'"\\n\xed\xa0\xbd\xed\xb8\x80"': rb'"\n\ud83d\ude00"',
}
"""Measured on mochijson2 of 2011-08-16: what it wrote of what it read; ``None``: it refused."""
REFUSED_BY_BOTH = (b'"\xe0\x80\x80"', b'"\xf4\x90\x80\x80"', b'"\xf0\x80\x80\x80"', rb'"\udc00"')
"""Measured, too: other errors than today, and errors all the same."""
SAME = (
    b'"\xef\xbf\xbe"',
    rb'"\\ufffe"',
    rb'"\\\\uffff"',
    b'"\xed\x9f\xbf\xee\x80\x80"',
    rb'"\ud83f\udffe"',
    b'{"a":1,"a":"\xc3\xa9"}',
)


def rewritten(profile: Profile, text: bytes) -> bytes | None:
    term = profile.decode(text)
    return None if isinstance(term, Unreadable) else profile.encode(term)


@pytest.mark.parametrize(("text", "expected"), KNOWN.items())
def test_it_gives_what_mochijson2_of_2011_gave(text: bytes, expected: bytes | None) -> None:
    assert rewritten(MOCHIWEB_2011, text) == expected
    assert rewritten(MOCHIWEB, text) != expected


@pytest.mark.parametrize("text", REFUSED_BY_BOTH)
def test_what_both_refuse_stays_refused(text: bytes) -> None:
    assert rewritten(MOCHIWEB_2011, text) is None


@pytest.mark.parametrize("text", SAME)
def test_what_only_looks_like_it_is_read_as_today(text: bytes) -> None:
    assert rewritten(MOCHIWEB_2011, text) == rewritten(MOCHIWEB, text) is not None


def test_the_table_of_today_differs_in_what_is_known_and_nothing_else() -> None:
    texts = [text.encode("latin-1") for text, _ in TABLE]
    other = {text for text in texts if rewritten(MOCHIWEB, text) != rewritten(MOCHIWEB_2011, text)}
    assert all(b"\xed" in text or b"\\uff" in text.lower() for text in other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"\xed\xa0\xbd":{"a":["\xed\xb8\x80"]}}', rb'{"\ud83d":{"a":["\ude00"]}}'),
        (b'{"a":1,"a":["\xed\xa0\xbd",1.5]}', rb'{"a":1,"a":["\ud83d",1.5]}'),
        (b'["\xed\xa0\xbd","\xe0\x80\x80"]', None),
        (b'{1.5:"\xed\xa0\xbd"}', None),
    ],
)
def test_halves_are_written_wherever_they_stand(text: bytes, expected: bytes | None) -> None:
    assert rewritten(MOCHIWEB_2011, text) == expected


def test_halves_are_written_at_any_depth() -> None:
    text = b"[" * 5000 + b'"\xed\xa0\xbd"' + b"]" * 5000
    assert rewritten(MOCHIWEB_2011, text) == text.replace(b"\xed\xa0\xbd", rb"\ud83d")


@given(st.text() | st.text(st.characters(categories=["Cs"])))
def test_text_is_written_as_json_writes_it(text: str) -> None:
    content = json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    read = json_2011.decode(b'"%b"' % content)
    assert json_2011.encode(read) == json.dumps(text).replace("\x7f", "\\u007f").encode()


def test_an_emoji_of_an_old_browser_is_an_event_in_2011_alone() -> None:
    data = b'{"event":"\xed\xa0\xbd\xed\xb8\x80","properties":{"token":"T","time":5}}'
    query = "".join(f"%{byte:02x}" for byte in data).encode()
    request = Request(b"GET", b"/track?data=" + query)
    made = {
        profile.name: ingest(request, "127.0.0.1", 7.0, profile, Routes()).events
        for profile in (MOCHIWEB, MOCHIWEB_2011)
    }
    assert made["mochiweb"] == ()
    [event] = made["mochiweb-2011"]
    assert event.body == rb'{"event":"\ud83d\ude00","properties":{"token":"T","time":5}}'


def test_the_profile_has_a_name() -> None:
    assert PROFILES["mochiweb-2011"] is MOCHIWEB_2011
