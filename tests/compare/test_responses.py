"""How the two services answered."""

import pytest

from compare.differing.responses import is_success, response_differences
from pyingest.message import Headers, Response
from shadow.exchange import Answered, Failed, Failure, NotMirrored, Outcome, Reason

HEADERS = ("content-type",)
PLAIN: Headers = ((b"Content-Type", b"text/plain"),)


def answered(body: bytes, status: int = 200, headers: Headers = PLAIN) -> Answered:
    return Answered(Response(status, b"OK", headers, body), 0.001)


FAILED = Failed(Failure.RESET, "gone", 0.1)


@pytest.mark.parametrize(
    ("legacy", "candidate", "expected"),
    [
        (answered(b"1"), answered(b"1"), []),
        (answered(b"1"), answered(b"0"), [("body", "body")]),
        (answered(b"1"), answered(b"1\n"), [("body", "body")]),
        (answered(b"1"), answered(b"1", 500), [("status", "status")]),
        (answered(b'{"a":1,"b":2}'), answered(b'{"b": 2, "a": 1}'), []),
        (answered(b'{"status":1}'), answered(b'{"status":1.0}'), [("body", "body.status")]),
        (answered(b'{"status":1}'), answered(b"1"), [("body", "body")]),
        (answered(b"{"), answered(b"{}"), [("body", "body")]),
        (
            answered(b"1"),
            answered(b"1", headers=((b"content-type", b"text/html"),)),
            [("header", "header:content-type")],
        ),
        (answered(b"1"), answered(b"1", headers=()), [("header", "header:content-type")]),
        (answered(b"1"), answered(b"1", headers=(*PLAIN, (b"Server", b"x"))), []),
        (answered(b"1"), FAILED, [("no_answer", "")]),
        (FAILED, answered(b"1"), [("no_answer", "")]),
        (FAILED, FAILED, []),
    ],
)
def test_answers_differ_where_they_should(
    legacy: Outcome, candidate: Outcome, expected: list[tuple[str, str]]
) -> None:
    found = response_differences(legacy, candidate, HEADERS)
    assert [(one.kind.value, one.path) for one in found] == expected


@pytest.mark.parametrize(
    ("outcome", "claim"),
    [
        (answered(b"1"), True),
        (answered(b"0"), False),
        (answered(b'{"error":null,"status":1}'), True),
        (answered(b'{"error":"x","status":0}'), False),
        (answered(b'{"status":"fine"}'), None),
        (answered(b"<html>"), None),
        (answered(b"1", 503), False),
        (FAILED, None),
        (NotMirrored(Reason.SHED), None),
    ],
)
def test_a_service_claims_success_by_its_dialect(outcome: object, claim: bool | None) -> None:
    assert is_success(outcome) is claim
