"""Which real clients notice another answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.clients.notices import Effect, Notice, notices, told, told_for, worst
from compare.clients.readers import READERS
from compare.clients.reading import Batch, Reading, Shown
from pyingest.message import Headers, Request, Response

READER = {reader.name: reader for reader in READERS}
FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"Content-Type", b"application/json"),)
JAVA_FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded;charset=utf8"),)
ORIGIN: Headers = ((b"Origin", b"http://app.test"),)
CORS: Headers = (
    (b"Access-Control-Allow-Origin", b"http://app.test"),
    (b"Access-Control-Allow-Credentials", b"true"),
)
LATER: Headers = ((b"Retry-After", b"1"),)
B64 = b"data=W3siZXZlbnQiOiJhIn1d"
SENT = {
    "Java 1.7": Request(b"POST", b"/track?ip=0", JAVA_FORM, B64),
    "Java 1.7 import": Request(b"POST", b"/import?strict=1", JSON, b"[{}]"),
    "Node 0.24": Request(b"GET", b"/track?ip=0&verbose=0&data=e30="),
    "Node 0.24 verbose": Request(b"POST", b"/track?ip=0&verbose=1", FORM, B64),
    "Python 5": Request(b"POST", b"/track", FORM, b"data=%7B%22event%22%3A1%7D&verbose=1&ip=0"),
    "Ruby 3.3": Request(b"POST", b"/track", FORM, B64 + b"&verbose=1"),
    "PHP 2.11": Request(b"POST", b"/track", FORM, B64),
    "Go 1.2": Request(b"POST", b"/track?verbose=1", JSON, b"[{}]"),
    "Go 1.2 profiles": Request(b"POST", b"/engage", JSON, b"[{}]"),
    "Go 1.2 import": Request(b"POST", b"/import?strict=1&verbose=1", JSON, b"[{}]"),
    "Browser 2.83": Request(b"POST", b"/track/?verbose=1&ip=1&_=17", FORM + ORIGIN, B64),
    "Browser 2.83 unqueued": Request(b"POST", b"/track/?ip=1&_=17", FORM + ORIGIN, B64),
    "Android 8.9": Request(b"POST", b"/track/?ip=1", FORM, B64),
    "iPhone 2012": Request(b"POST", b"/track/", FORM, b"ip=1&" + B64),
    "Swift 6": Request(b"POST", b"/track/?ip=1", JSON, b"[{}]"),
}
SENT["Python 5 over https"] = SENT["Python 5"]
SENT["Android 2012-2014"] = SENT["Android 8.9"]
SENT["Objective-C 5"] = SENT["Swift 6"]
TOGETHER = (
    {"Python 5", "Python 5 over https"},
    {"Android 8.9", "Android 2012-2014"},
    {"Objective-C 5", "Swift 6"},
)


def answer(body: bytes, status: int = 200, headers: Headers = ()) -> Response:
    return Response(status, b"", headers, body)


COLUMNS = (
    "Python 5",
    "Python 5 over https",
    "Node 0.24",
    "Node 0.24 verbose",
    "Browser 2.83",
    "Ruby 3.3",
    "PHP 2.11",
    "Go 1.2",
    "Go 1.2 profiles",
    "Go 1.2 import",
)
VERBOSE_ONE = b'{"error":null,"status":1}'
VERBOSE_ZERO = b'{"error":"token, missing or empty","status":0}'
FAILED_IMPORT = b'{"code":413,"error":"too much","status":"Request Entity Too Large"}'
TOO_FAST = b'{"code":429,"error":"too fast","status":"Too Many Requests"}'
MODERN = b'{"code":200,"num_records_imported":1,"status":"OK"}'
MIXED = b'{"code":200,"num_records_imported":1,"status":1,"error":null}'
ASKED_VERBOSE: tuple[str, ...] = (
    "Python 5",
    "Python 5 over https",
    "Node 0.24 verbose",
    "Browser 2.83",
)
ASKED_VERBOSE += ("Ruby 3.3", "Go 1.2", "Go 1.2 import")


def legacy_style(plain: bytes, verbose: bytes, status: int = 200) -> dict[str, Response | None]:
    """Return the answer for each column: JSON to those that ask for it."""
    return {
        name: answer(verbose if name in ASKED_VERBOSE else plain, status, LATER * (status == 503))
        for name in COLUMNS
    }


def same(response: Response | None) -> dict[str, Response | None]:
    return dict.fromkeys(COLUMNS, response)


# What was measured, reply by reply. ok, err: the documented error; raise: a raw exception; gone:
# dropped in silence; keep: kept in silence; back: kept with an error; 5: five tries, then err.
# The browser removes its batch alike for "ok" and "gone"; the answer itself tells them apart.
# Left out, "-": cells that were not measured (Go for a 500 and for the mixed object) or known
# only from the structure that the library decodes into (Go import for the mixed object).
MEASURED: tuple[tuple[dict[str, Response | None], str], ...] = (
    (legacy_style(b"1", VERBOSE_ONE), "ok ok ok ok ok ok ok ok ok ok"),
    (same(answer(b"1\n")), "raise raise err err ok raise ok err ok err"),
    (legacy_style(b"0", VERBOSE_ZERO), "err err err err gone err back err err gone"),
    (legacy_style(b"0", VERBOSE_ZERO, 400), "err err err err gone err back err err err"),
    (same(answer(FAILED_IMPORT, 413)), "err err err err keep err back err err err"),
    (same(answer(TOO_FAST, 429, LATER)), "err 5 err err keep err back err err err"),
    (legacy_style(b"0", VERBOSE_ZERO, 503), "err 5 err err keep err back err err err"),
    (same(answer(b"0", 500)), "raise 5 err err keep err back - - -"),
    (same(answer(MODERN)), "raise raise err err ok err back err err ok"),
    (same(answer(MIXED)), "ok ok err ok ok ok back - - -"),
    (same(answer(b"", 204)), "err err err err ok err back err err err"),
    (same(answer(b"")), "err err err err ok err back err err err"),
    (same(None), "err 5 err err gone err back err err err"),
)
MEANS = {
    "ok": Reading(Batch.STORED),
    "err": Reading(Batch.LOST, Shown.ERROR),
    "raise": Reading(Batch.LOST, Shown.EXCEPTION),
    "gone": Reading(Batch.LOST),
    "keep": Reading(Batch.KEPT),
    "back": Reading(Batch.KEPT, Shown.LOGGED),
    "5": Reading(Batch.LOST, Shown.ERROR, tries=5),
}
CELLS = [
    (name, replies[name], word)
    for replies, row in MEASURED
    for name, word in zip(COLUMNS, row.split(), strict=True)
    if word != "-"
]


@pytest.mark.parametrize(("name", "reply", "word"), CELLS)
def test_a_reader_reads_as_the_real_client_was_measured(
    name: str, reply: Response | None, word: str
) -> None:
    assert READER[name].reads(reply) == MEANS[word]


@pytest.mark.parametrize("name", SENT)
def test_a_request_is_taken_for_its_own_clients_and_no_other(name: str) -> None:
    senders = {reader.name for reader in READERS if reader.sends(SENT[name])}
    assert senders == next((group for group in TOGETHER if name in group), {name})


def test_every_reader_has_a_request_here() -> None:
    assert SENT.keys() == READER.keys()


@pytest.mark.parametrize(
    ("name", "legacy", "candidate", "expected"),
    [
        ("Java 1.7", answer(b"1"), answer(b"1\n"), Effect.EXCEPTION),
        ("Java 1.7", answer(b"1"), answer(b"1", 400), Effect.EXCEPTION),
        ("Java 1.7 import", answer(b"1"), answer(MODERN), Effect.NOTHING),
        ("Java 1.7 import", answer(b"1"), answer(MIXED), Effect.EXCEPTION),
        ("Node 0.24", answer(b"1"), answer(b"1\n"), Effect.ERROR),
        ("Node 0.24", answer(b"0"), answer(b"1"), Effect.ACCEPTED),
        ("Ruby 3.3", answer(VERBOSE_ONE), answer(b"1"), Effect.EXCEPTION),
        ("PHP 2.11", answer(b"1"), answer(b"1\n"), Effect.NOTHING),
        ("PHP 2.11", answer(b"1"), answer(VERBOSE_ONE), Effect.STORM),
        ("PHP 2.11", answer(b"1"), answer(b"0"), Effect.RETRIES),
        ("Android 2012-2014", answer(b"1"), answer(b"1\n"), Effect.NOTHING),
        ("Android 2012-2014", answer(b"1"), answer(VERBOSE_ONE), Effect.STORM),
        ("Android 8.9", answer(b"1"), answer(VERBOSE_ONE), Effect.NOTHING),
        ("Android 8.9", answer(b"1"), answer(b"0"), Effect.LOST),
        ("Android 8.9", answer(b"0"), answer(b"0", 400), Effect.RETRIES),
        ("Objective-C 5", answer(b"0", 503), answer(b"0", 429), Effect.LOST),
        ("Objective-C 5", answer(b"1"), answer(b"1", headers=LATER), Effect.SLOWER),
        ("Objective-C 5", answer(b"1", headers=LATER), answer(b"1"), Effect.EASED),
        ("Swift 6", answer(b"1"), answer(b"1\n"), Effect.LOGGED),
        ("Swift 6", answer(b"1"), answer(b"", 204), Effect.STORM),
        ("iPhone 2012", answer(b"1"), answer(VERBOSE_ONE), Effect.LOGGED),
        ("iPhone 2012", answer(b"1"), answer(b"1\n"), Effect.NOTHING),
        ("Browser 2.83 unqueued", answer(b"1"), answer(b"1\n"), Effect.NOTHING),
        ("Browser 2.83 unqueued", answer(b"1"), answer(VERBOSE_ONE), Effect.ERROR),
        ("Browser 2.83", answer(b"", 503), None, Effect.LOST),
        ("Python 5 over https", answer(VERBOSE_ZERO), answer(b"0", 500), Effect.RETRIES),
        ("Go 1.2 import", answer(VERBOSE_ZERO, 400), answer(VERBOSE_ZERO), Effect.LOST),
    ],
)
def test_a_change_of_answer_has_the_effect_that_the_client_makes_of_it(
    name: str, legacy: Response | None, candidate: Response | None, expected: Effect
) -> None:
    found = {one.client: one.effect for one in notices(SENT[name], legacy, candidate)}
    assert found.get(name, Effect.NOTHING) is expected


def test_a_browser_loses_its_batch_when_it_may_not_read_a_503() -> None:
    sent, good = SENT["Browser 2.83"], answer(VERBOSE_ONE, headers=CORS)
    assert worst(notices(sent, good, answer(b"", 503, CORS))) is Effect.RETRIES
    assert worst(notices(sent, good, answer(b"", 503))) is Effect.LOST


def test_a_page_from_the_same_place_needs_no_leave_to_read() -> None:
    sent = SENT["Browser 2.83"]
    assert worst(notices(sent, answer(VERBOSE_ONE), answer(b"", 503))) is Effect.RETRIES


def test_a_telling_user_agent_leaves_out_other_languages() -> None:
    agent = (b"User-Agent", b"Mozilla/5.0")
    told_java = Request(b"POST", b"/track?ip=0", (*JAVA_FORM, agent), B64)
    assert not READER["Java 1.7"].sends(told_java)


def test_clients_without_a_user_agent_never_sent_what_has_one() -> None:
    by_hand = (b"User-Agent", b"curl/7.21.4")
    for name in ("Node 0.24", "PHP 2.11"):
        sent = SENT[name]
        named = Request(sent.method, sent.target, (*sent.headers, by_hand), sent.body)
        assert not READER[name].sends(named)


def test_an_import_by_go_need_not_be_strict() -> None:
    loose = Request(b"POST", b"/import?strict=0&verbose=1", JSON, b"[{}]")
    assert READER["Go 1.2 import"].sends(loose)


def test_a_beacon_never_sees_an_answer() -> None:
    kind = ((b"Content-Type", b"text/plain;charset=UTF-8"),)
    beacon = Request(b"POST", b"/track/?verbose=1&ip=1&_=17", kind, B64)
    assert notices(beacon, answer(b"1"), None) == ()


def test_the_worst_notice_comes_first_and_the_line_names_it() -> None:
    found = notices(SENT["Android 8.9"], answer(b"1"), answer(b"0"))
    assert [one.effect for one in found] == [Effect.LOST, Effect.RETRIES]
    expected = "breaks Android 8.9 (lost batch) and Android 2012-2014 (retries)"
    assert told(found) == expected


def test_the_line_says_for_whom_nothing_changes() -> None:
    sent = SENT["Android 8.9"]
    found = notices(sent, answer(b"1"), answer(VERBOSE_ONE))
    expected = "breaks Android 2012-2014 (duplicate storm); nothing changes for Android 8.9"
    assert told_for(sent, found) == expected
    assert told_for(Request(b"GET", b"/other"), ()) == "no known client sends such a request"


def test_a_gain_is_not_called_a_break() -> None:
    assert told([Notice("Node 0.24", Effect.ACCEPTED, "")]) == "changes Node 0.24 (taken as stored)"
    assert told([]) == "no known client would notice"


BODIES: tuple[bytes, ...] = (
    b"",
    b"0",
    b"1",
    b"1\n",
    b" 1",
    VERBOSE_ONE,
    VERBOSE_ZERO,
    MODERN,
    MIXED,
    b"[",
    b"[]",
)
BODIES += (b"NaN", b"null", b'"1"', b"\xff")
ANSWERS = st.none() | st.builds(
    answer,
    st.sampled_from(BODIES) | st.binary(max_size=8),
    st.sampled_from((200, 204, 301, 400, 413, 429, 500, 503)),
    st.sampled_from((CORS, CORS + LATER)),
)
REQUESTS = st.sampled_from(list(SENT.values()))


@given(REQUESTS, ANSWERS)
def test_nobody_notices_an_equal_answer(request_: Request, reply: Response | None) -> None:
    assert notices(request_, reply, reply) == ()


@given(REQUESTS, ANSWERS, ANSWERS)
def test_whoever_notices_a_change_notices_the_way_back(
    request_: Request, one: Response | None, other: Response | None
) -> None:
    there = {each.client for each in notices(request_, one, other)}
    back = {each.client for each in notices(request_, other, one)}
    assert there == back


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_can_be_asked_about(target: bytes, body: bytes, reply: bytes) -> None:
    found = notices(Request(b"POST", target, FORM, body), answer(b"1"), answer(reply))
    assert {one.client for one in found} <= READER.keys()
