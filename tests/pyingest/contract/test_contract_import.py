"""`/import`: its two languages, and who may send to it."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from pyingest.contract.service import answer
from pyingest.contract.settings import (
    Authentication,
    ContractLimits,
    ContractSettings,
    Credentials,
)
from pyingest.contract.testing import SETTINGS
from pyingest.ingest import Decision
from pyingest.message import Headers, Request, header

GOOD = b'{"event":"e","properties":{"token":"T","distinct_id":"u","$insert_id":"i1"}}'
BAD = b'{"event":"","properties":{"token":"T","distinct_id":"u","$insert_id":"i2"}}'
MERGE = b'{"event":"$merge","properties":{"$distinct_ids":["a","b"]}}'
JSON: Headers = ((b"Content-Type", b"application/json"),)
FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
KNOWN = Credentials(
    keys={"KEY": "T", "SECRET": "T", "T": "T"},
    accounts={"robot": "pass:word"},
    projects={"4242": "T"},
)


def basic(text: str, scheme: str = "Basic") -> Headers:
    return ((b"Authorization", f"{scheme} {base64.b64encode(text.encode()).decode()}".encode()),)


def post(
    more: str, body: bytes = GOOD, headers: Headers = JSON, settings: ContractSettings = SETTINGS
) -> Decision:
    request = Request(b"POST", f"/import{more}".encode(), headers, body)
    return answer(request, "203.0.113.9", 1795232317.0, settings)


def heard(decision: Decision) -> Any:
    return json.loads(decision.stored.body)


def demanding(demand: Authentication, known: Credentials = KNOWN) -> ContractSettings:
    return replace(SETTINGS, authentication=demand, credentials=known)


# The modern language.


def test_a_strict_success_says_ok_and_how_many() -> None:
    decision = post("?strict=1", b"[%b,%b]" % (GOOD, GOOD))
    assert decision.stored.body == b'{"code":200,"num_records_imported":2,"status":"OK"}'
    assert decision.stored.status == 200
    assert len(decision.events) == 2


def test_a_strict_failure_names_each_bad_record_and_stores_the_good_ones() -> None:
    decision = post("?strict=1&verbose=1", b"[%b,%b,null]" % (GOOD, BAD))
    assert decision.stored.status == 400
    said = heard(decision)
    assert {key: said[key] for key in said if key != "failed_records"} == {
        "code": 400,
        "error": "some data points in the request failed validation",
        "num_records_imported": 1,
        "status": "Bad Request",
    }
    assert said["failed_records"][0] == {
        "index": 1,
        "insert_id": "i2",
        "$insert_id": "i2",
        "field": "event",
        "message": "event, missing",
    }
    assert [one["index"] for one in said["failed_records"]] == [1, 2]
    assert [event.body for event in decision.events] == [GOOD]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"no json", "data, invalid JSON"),
        (b"", "data, missing or empty"),
        (b"[]", "data, missing or empty"),
        (b"42", "data, must be an object or a list of objects"),
    ],
)
def test_a_strict_request_without_records_is_400(body: bytes, error: str) -> None:
    decision = post("?strict=1", body)
    assert heard(decision) == {
        "code": 400,
        "error": error,
        "failed_records": [],
        "num_records_imported": 0,
        "status": "Bad Request",
    }


def test_a_strict_request_over_the_limit_is_413_without_a_wait() -> None:
    decision = post("?strict=1", settings=replace(SETTINGS, limits=ContractLimits(body=9)))
    assert decision.stored.status == 413
    assert header(decision.stored.headers, b"retry-after") is None
    assert heard(decision) == {
        "code": 413,
        "error": "request exceeds max limit of 9 bytes",
        "status": "Request Entity Too Large",
    }


def test_a_strict_request_that_cannot_be_stored_now_is_503() -> None:
    refused = post("?strict=1").refused
    assert refused.status == 503
    assert header(refused.headers, b"retry-after") == b"30"
    assert json.loads(refused.body) == {
        "code": 503,
        "error": "a temporary failure occurred",
        "status": "Service Unavailable",
    }


def test_a_bad_line_is_a_failed_record_with_its_index() -> None:
    kind = ((b"Content-Type", b"application/x-ndjson"),)
    decision = post("?strict=1", GOOD + b"\n\r\n{bad\n" + GOOD, kind)
    assert decision.stored.status == 400
    said = heard(decision)
    assert [(one["index"], one["message"]) for one in said["failed_records"]] == [
        (1, "data, invalid JSON")
    ]
    assert said["num_records_imported"] == 2
    assert [one.body for one in decision.rejected] == [b"{bad"]


# The old language.


@pytest.mark.parametrize("more", ["", "?strict=0"])
def test_without_strict_the_answer_is_the_old_one(more: str) -> None:
    assert post(more).stored.body == b"1"
    assert post(more, BAD).stored.body == b"0"
    assert post(more, BAD).stored.status == 200


def test_verbose_without_strict_serves_clients_of_both_languages() -> None:
    assert heard(post("?verbose=1")) == {
        "error": None,
        "status": 1,
        "code": 200,
        "num_records_imported": 1,
    }
    assert heard(post("?verbose=1", BAD)) == {"error": "event, missing", "status": 0}


def test_an_empty_record_is_no_data_without_strict() -> None:
    assert heard(post("?strict=0&verbose=1", b"[{}]")) == {
        "error": "data, missing or empty",
        "status": 0,
    }


def test_a_partial_import_counts_what_was_taken() -> None:
    said = heard(post("?verbose=1", b"[%b,%b]" % (GOOD, BAD)))
    assert (said["status"], said["error"], said["code"]) == (1, "event, missing", 200)
    assert (said["num_records_imported"], said["failed"]) == (
        1,
        [{"index": 1, "error": "event, missing"}],
    )


@pytest.mark.parametrize(("path", "status"), [("/engage", 1), ("/groups", 1)])
def test_strict_profiles_hear_the_modern_object_with_an_integer(path: str, status: int) -> None:
    body = b'{"$token":"T","$distinct_id":"u","$set":{}}'
    request = Request(b"POST", f"{path}?strict=1".encode(), JSON, body)
    good = heard(answer(request, "", 0.0, SETTINGS))
    assert good == {"code": 200, "error": None, "num_records_imported": 1, "status": status}
    decision = answer(replace(request, body=b"{}"), "", 0.0, SETTINGS)
    assert decision.stored.status == 400
    assert heard(decision)["status"] == 0
    assert heard(decision)["failed_records"][0]["index"] == 0


def test_strict_means_nothing_on_track() -> None:
    request = Request(b"POST", b"/track?strict=1", JSON, BAD)
    decision = answer(request, "", 0.0, SETTINGS)
    assert (decision.stored.status, decision.stored.body) == (200, b"0")


# Who may send.

FORMS = {
    "api_key in the query": ("?api_key=KEY", JSON, GOOD),
    "api_key in the form": ("", FORM, b"api_key=KEY&data=" + base64.b64encode(GOOD)),
    "secret without a password": ("", (*JSON, *basic("SECRET:")), GOOD),
    "token without a password": ("", (*JSON, *basic("T:")), GOOD),
    "no colon at all": ("", (*JSON, *basic("SECRET")), GOOD),
    "scheme in small letters": ("", (*JSON, *basic("SECRET:", "basic")), GOOD),
    "secret, and a key in the form": (
        "",
        (*FORM, *basic("SECRET:")),
        b"api_key=KEY&data=" + base64.b64encode(GOOD),
    ),
    "service account": ("?project_id=4242", (*JSON, *basic("robot:pass:word")), GOOD),
}
WRONG = {
    "unknown key": ("?api_key=WRONG", JSON, GOOD),
    "unknown secret": ("", (*JSON, *basic("WRONG:")), GOOD),
    "wrong password": ("?project_id=4242", (*JSON, *basic("robot:x")), GOOD),
    "unknown account": ("?project_id=4242", (*JSON, *basic("nobody:x")), GOOD),
    "unknown project": ("?project_id=1", (*JSON, *basic("robot:pass:word")), GOOD),
    "another scheme": ("", (*JSON, (b"Authorization", b"Bearer abc")), GOOD),
    "no base64": ("", (*JSON, (b"Authorization", b"Basic %%%")), GOOD),
    "nothing in it": ("", (*JSON, (b"Authorization", b"Basic")), GOOD),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("demand", Authentication)
def test_every_form_of_credential_is_accepted(form: str, demand: Authentication) -> None:
    more, headers, body = FORMS[form]
    decision = post(more, body, headers, demanding(demand))
    assert [event.body for event in decision.events] == [GOOD]


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_credential_is_refused_where_one_is_looked_at(form: str) -> None:
    more, headers, body = WRONG[form]
    assert post(more, body, headers, demanding(Authentication.OFF)).events
    for demand in (Authentication.TOKEN, Authentication.REQUIRED):
        decision = post(more, body, headers, demanding(demand))
        assert (decision.events, decision.stored.status) == ((), 401)
        assert decision.stored.body == b"0"
        assert header(decision.stored.headers, b"www-authenticate") == b'Basic realm="import"'


def test_no_credential_is_refused_only_where_one_is_required() -> None:
    assert post("", settings=demanding(Authentication.OFF)).events
    assert post("", settings=demanding(Authentication.TOKEN)).events
    assert not post("", settings=demanding(Authentication.REQUIRED)).events


def test_a_refusal_speaks_the_language_that_was_asked_for() -> None:
    settings = demanding(Authentication.REQUIRED)
    assert heard(post("?strict=1", settings=settings)) == {
        "code": 401,
        "error": "Invalid credentials",
        "status": "Unauthorized",
    }
    assert heard(post("?verbose=1", settings=settings)) == {
        "error": "Invalid credentials",
        "status": 0,
    }


def test_a_script_hears_of_a_refusal_as_it_can() -> None:
    response = post("?callback=f&verbose=1", settings=demanding(Authentication.REQUIRED)).stored
    assert response.status == 200
    assert response.body == b'/**/f({"error":"Invalid credentials","status":0});'
    assert header(response.headers, b"www-authenticate") is None


def test_an_image_or_script_that_must_come_later_has_the_status_that_says_so() -> None:
    for more in ("?img=1", "?callback=f"):
        refused = post(more).refused
        assert refused.status == 503
        assert header(refused.headers, b"retry-after") == b"30"


def test_other_endpoints_ask_nobody_for_a_credential() -> None:
    request = Request(b"POST", b"/track", JSON, GOOD)
    assert answer(request, "", 0.0, demanding(Authentication.REQUIRED)).events


@pytest.mark.parametrize(
    ("known", "headers", "more", "token"),
    [
        (KNOWN, basic("SECRET:"), "", "T"),
        (KNOWN, basic("robot:pass:word"), "?project_id=4242", "T"),
        (Credentials(), basic("PROJECT:"), "", "PROJECT"),
        (Credentials(), (), "?api_key=PROJECT", "PROJECT"),
    ],
    ids=["secret", "account", "token that nobody checks", "key that nobody checks"],
)
def test_the_credential_names_the_project_of_a_record_without_a_token(
    known: Credentials, headers: Headers, more: str, token: str
) -> None:
    settings = demanding(Authentication.OFF, known)
    assert post(more, MERGE, (*JSON, *headers), settings).tokens == (token,)


def test_a_key_that_is_in_no_table_names_no_project() -> None:
    decision = post("?api_key=WRONG", MERGE, JSON, demanding(Authentication.OFF))
    assert (decision.events, decision.stored.body) == ((), b"0")
