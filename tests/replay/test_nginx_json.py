"""nginx JSON lines, bodies and all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.entry import Logged, Unparsable
from replay.formats.nginx_json import parse

FIELDS: dict[str, Any] = {
    "msec": 1321862401.5,
    "request_time": 0.5,
    "method": "POST",
    "request_uri": "/track/?ip=1",
    "protocol": "HTTP/1.1",
    "host": "api.example.test",
    "remote_addr": "192.0.2.7",
    "x_forwarded_for": "198.51.100.1",
    "user_agent": "Ruby",
    "referer": "",
    "origin": "",
    "content_type": "application/x-www-form-urlencoded",
    "content_encoding": "",
    "content_length": "8",
    "status": 200,
    "request_body": "data=e30",
}


def line(**changes: Any) -> bytes:
    """Return a line as nginx writes it; a value of None takes its key out."""
    fields = {key: value for key, value in (FIELDS | changes).items() if value is not None}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("latin-1")


def parsed(text: bytes) -> Logged:
    result = parse(text)
    assert isinstance(result, Logged), result
    return result


def test_line_gives_the_request_at_the_time_it_began() -> None:
    assert parsed(line()) == Logged(
        at=1321862401.0,
        method=b"POST",
        target=b"/track/?ip=1",
        version=b"1.1",
        status=200,
        remote=b"192.0.2.7",
        headers=(
            (b"Host", b"api.example.test"),
            (b"User-Agent", b"Ruby"),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
        ),
        forwarded=b"198.51.100.1",
        body=b"data=e30",
        seconds=0.5,
    )


@given(st.binary(max_size=200))
def test_every_body_comes_back_byte_for_byte(body: bytes) -> None:
    # json.dumps escapes what nginx escapes, and DEL besides; the rest stands raw in both.
    text = line(request_body=body.decode("latin-1"), content_length=str(len(body)))
    assert parsed(text).body == body


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"request_body": None}, None),
        ({"request_body": "", "content_length": "8"}, None),
        ({"request_body": "data", "content_length": "8"}, None),
        ({"request_body": "", "content_length": ""}, None),
        ({"request_body": "", "content_length": None}, None),
        ({"request_body": "", "content_length": "0"}, b""),
        ({"request_body": "data=e30", "content_length": ""}, b"data=e30"),
        ({"request_body": "data=e30", "content_length": 8}, b"data=e30"),
    ],
    ids=[
        *("not logged", "spooled to a file", "cut", "empty and no length", "no length logged"),
        *("empty", "chunked", "length as a number"),
    ],
)
def test_body_counts_only_when_it_is_certainly_whole(
    changes: dict[str, Any], body: bytes | None
) -> None:
    assert parsed(line(**changes)).body == body


def test_numbers_in_quotation_marks_are_numbers() -> None:
    assert parsed(line(msec="1321862401.500", request_time="0.500", status="200")) == parsed(line())


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"[]", line()[:-5], line(msec=None), line(msec="soon"), line(request_uri=7)],
)
def test_anything_else_is_unparsable(text: bytes) -> None:
    assert isinstance(parse(text), Unparsable)


def test_text_that_escape_json_never_writes_is_unparsable_and_says_why() -> None:
    result = parse(line(request_uri="/x").replace(b"/x", b"/\\u20ac"))
    assert isinstance(result, Unparsable)
    assert "escape=json" in result.why
