"""What a line of an access log tells of one side."""

import json
from typing import Any

from pyingest.message import Response
from replay.entry import Captured, Line
from replay.formats.combined import parse as combined
from replay.formats.nginx_json import parse as nginx
from replay.importing.heard import Heard, Unread, heard
from shadow.exchange import Answered, Failed, Failure

FIELDS: dict[str, Any] = {
    "msec": 100.5,
    "request_time": 0.5,
    "request_id": "a1",
    "method": "GET",
    "request_uri": "/track?data=e30",
    "protocol": "HTTP/1.1",
    "status": 200,
    "upstream_status": "200",
    "upstream_header_time": "0.020",
    "upstream_response_time": "0.021",
}


def line(**changes: Any) -> Line:
    fields = {key: value for key, value in (FIELDS | changes).items() if value is not None}
    return nginx(json.dumps(fields).encode())


def one(told: Line) -> Heard:
    (found,) = heard([told], "x.log", "legacy")
    assert isinstance(found, Heard), found
    return found


def refused(told: Line) -> Unread:
    (found,) = heard([told], "x.log", "legacy")
    assert isinstance(found, Unread), found
    return found


def test_a_line_tells_the_request_and_its_answer() -> None:
    found = one(line())
    assert (found.at, found.id) == (100.0, b"a1")
    assert found.outcome == Answered(Response(200, b"", (), b""), 0.021)
    assert found.request is not None
    assert found.request.target == b"/track?data=e30"


def test_the_time_is_the_services_not_the_whole_requests() -> None:
    assert one(line(upstream_response_time="0.001, 0.002")).outcome.seconds == 0.002
    assert one(line(upstream_response_time=None)).outcome.seconds == 0.5
    assert one(line(upstream_response_time=None, request_time=None)).outcome.seconds < 0


def test_what_nginx_said_itself_is_a_failure_of_the_service() -> None:
    gone = line(status=502, upstream_status="502", upstream_header_time="-")
    assert one(gone).outcome == Failed(Failure.REFUSED, "the front said 502", 0.021)
    late = line(status=504, upstream_status="504", upstream_header_time="")
    assert one(late).outcome == Failed(Failure.TIMED_OUT, "the front said 504", 0.021)


def test_an_error_of_the_services_own_is_an_answer() -> None:
    found = one(line(status=502, upstream_status="502"))
    assert found.outcome == Answered(Response(502, b"", (), b""), 0.021)


def test_a_client_that_left_does_not_change_what_the_service_said() -> None:
    found = one(line(status=499, upstream_status="200"))
    assert found.outcome == Answered(Response(200, b"", (), b""), 0.021)


def test_without_a_word_about_the_service_the_fronts_statuses_are_failures() -> None:
    text = b'192.0.2.7 - - [21/Nov/2011:07:20:01 +0000] "GET /track?data=e30 HTTP/1.1" %d 1'
    assert one(combined(text % 200)).outcome == Answered(Response(200, b"", (), b""), -1.0)
    assert isinstance(one(combined(text % 504)).outcome, Failed)


def test_envoys_time_is_in_milliseconds_from_the_begin() -> None:
    keys = ("request_time", "upstream_response_time", "upstream_header_time", "upstream_status")
    found = one(line(**dict.fromkeys(keys), duration_ms="12"))
    assert (found.at, found.outcome.seconds) == (100.5, 0.012)


def test_a_request_whose_body_is_not_in_the_log_is_heard_of_without_it() -> None:
    found = one(line(method="POST", content_length="10", request_body=""))
    assert found.request is None
    assert isinstance(found.outcome, Answered)


def test_what_the_front_refused_never_came_to_a_service() -> None:
    assert "refused by the front (status 400)" in refused(line(status=400, upstream_status="")).why


def test_what_is_no_line_is_told_with_its_place() -> None:
    told = refused(nginx(b"nonsense"))
    assert told.where == "x.log:1"


def test_a_capture_tells_no_answers() -> None:
    entry = one(line()).request
    assert entry is not None
    assert "no answers" in refused(Captured(1.0, entry)).why


def test_equal_requests_have_equal_keys() -> None:
    bodies = [line(method="POST", content_length="1", request_body=text) for text in "aab"]
    keys = [one(told).key for told in bodies]
    assert keys[0] == keys[1] != keys[2]
