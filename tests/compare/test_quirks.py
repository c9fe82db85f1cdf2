"""The catalogue: each quirk is found by running both ways to read on a request that has it."""

import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from compare.differing.difference import Difference, Kind
from compare.quirks.catalogue import CATALOGUE, explain
from compare.quirks.payload import Payload
from compare.quirks.quirk import Evidence
from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.stages.tally import Summary
from compare.testing import dual_run
from pyingest.message import Request
from pyingest.wire.profile import MOCHIWEB
from pyingest.wire.term import Term

FORM = ((b"Host", b"x"), (b"Content-Type", b"application/x-www-form-urlencoded"))
START = b'{"event":"e","properties":{"token":"t","time":5'
PLAIN = START + b',"a":1}}'


def query(data: bytes, more: bytes = b"", path: bytes = b"/track") -> Request:
    return Request(b"GET", path + b"?data=" + quote_from_bytes(data, "").encode() + more, FORM[:1])


def form(data: bytes) -> Request:
    body = b"data=" + quote_from_bytes(data, "").encode()
    return Request(b"POST", b"/track", FORM, body)


def coded(text: bytes, junk: bytes = b"") -> Request:
    return form(b64encode(text) + junk)


def summary(directory: Path, *requests: Request) -> Summary:
    return summarise(dual_run(directory / "run", requests), Rules())


WHOLE = {
    "trailing comma": (form(START + b',"a":1,}}'), "missing"),
    "raw control character": (coded(START + b',"a":"x\ny"}}'), "missing"),
    "unknown escape": (coded(START + b',"a":"C:\\Programs"}}'), "missing"),
    "non-string key": (coded(START + b",7:1}}"), "missing"),
    "lone surrogate": (coded(START + b',"a":"\\ud83d"}}'), "extra"),
    "base64 junk": (coded(PLAIN[:-2] + b"}}", b"!"), "extra"),
    "base64 padding": (coded(PLAIN + b" " * (-len(PLAIN) % 3), b"=="), "extra"),
    "URL-safe base64": (form(b"-" + b64encode(PLAIN[:-2] + b"}}")), "extra"),
    "semicolon separator": (
        Request(b"GET", b"/track?ip=0;data=" + quote_from_bytes(PLAIN, "").encode(), FORM[:1]),
        "missing",
    ),
    "blank parameter": (
        Request(b"GET", b"/track?data=&data=" + quote_from_bytes(PLAIN, "").encode(), FORM[:1]),
        "extra",
    ),
    "address fragment": (query(PLAIN, b"#top"), "missing"),
    "path spelling": (query(PLAIN, path=b"//track"), "missing"),
    "duplicate key": (form(START + b'},"event":""}'), "missing"),
    "deep nesting": (
        form(START + b',"a":' + b"[" * 1500 + b"]" * 1500 + b"}}"),
        "missing",
    ),
    "big integer": (form(START + b',"a":' + b"7" * 5000 + b"}}"), "missing"),
}


@pytest.mark.parametrize(("name", "case"), WHOLE.items(), ids=WHOLE)
def test_the_catalogue_explains_an_event_that_only_one_side_queues(
    name: str, case: tuple[Request, str], tmp_path: Path
) -> None:
    request, kind = case
    found = summary(tmp_path, request)
    assert found.kinds[kind] == 1
    assert [(cause.quirk, cause.kind) for cause in found.causes] == [(name, kind)]
    assert found.causes[0].requests == 1
    assert found.units.queue_mismatches == 1


def named(evidence: Evidence) -> str | None:
    quirk = explain(evidence)
    return quirk.name if quirk else None


@pytest.mark.parametrize(
    "difference",
    [
        Difference(Kind.MISSING, "", "events", None),
        Difference(Kind.EXTRA, "", None, "events"),
        Difference(Kind.BODY, "body", "1", "0"),
        Difference(Kind.BODY, "body.error", '"data, invalid JSON"', "null"),
        Difference(Kind.NO_ANSWER, "", "reset", "answered 200"),
    ],
    ids=lambda difference: difference.kind.value,
)
def test_cesu8_is_named_though_neither_side_queues_it(difference: Difference) -> None:
    payload = Payload(coded(START + b',"a":"\xed\xa0\xbd\xed\xb8\x80"}}'))
    assert named(Evidence(difference, payload)) == "CESU-8"


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("large body", Request(b"POST", b"/track", FORM, b"data=" + b"x" * (1 << 20))),
        ("long request line", query(PLAIN + b" " * 9000)),
        ("long header line", Request(b"GET", b"/track", ((b"Cookie", b"x" * 8182),))),
        (
            "forwarded address",
            Request(b"GET", b"/track?ip=1", ((b"X-Forwarded-For", b"1.1.1.1,\xe9"),)),
        ),
        ("transfer coding", Request(b"POST", b"/track", ((b"Transfer-Encoding", b"Chunked"),))),
        ("URL-safe base64", form(b64encode(START + ',"a":"~~??>>ÿÿ"}}'.encode(), b"-_"))),
        ("byte order mark", coded(b"\xef\xbb\xbf" + PLAIN)),
        ("number out of range", form(START + b',"a":1E400}}')),
        ("number out of range", form(START + b',"a":NaN}}')),
        ("text not in UTF-8", coded(START + b',"a":"\xe9"}}')),
        ("base64 blanks", form(b64encode(PLAIN + b" " * (-len(PLAIN) % 3))[:40] + b"\n")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_shows_its_quirk(name: str, request_: Request) -> None:
    assert CATALOGUE[name].explains(
        Evidence(Difference(Kind.EXTRA, "", None, None), Payload(request_))
    )


def test_an_ordinary_request_shows_none() -> None:
    for request in (form(PLAIN), query(PLAIN), coded(PLAIN + b" " * (-len(PLAIN) % 3))):
        for kind in (Kind.MISSING, Kind.EXTRA, Kind.BODY):
            assert explain(Evidence(Difference(kind, "", None, None), Payload(request))) is None


def test_a_doubled_backslash_is_no_half_character() -> None:
    payload = Payload(form(START + b',"a":"\\\\ud83d"}}'))
    assert explain(Evidence(Difference(Kind.EXTRA, "", None, None), payload)) is None


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("client address", Difference(Kind.VALUE_STRING, "properties.ip", '"1.1.1.1"', '"::1"')),
        ("time as float", Difference(Kind.TYPE, "$time", "100", "100.25")),
        (
            "big integer as float",
            Difference(Kind.TYPE, "a", str(2**70), "1.180591620717411303E+21"),
        ),
        ("integer as float", Difference(Kind.TYPE, "a", "5", "5.0")),
        ("negative zero", Difference(Kind.VALUE_NUMBER, "a", "0.0", "-0.0")),
        ("undefined as text", Difference(Kind.TYPE, "a", '"undefined"', "null")),
        ("undefined as text", Difference(Kind.FIELD_REMOVED, "a", '"undefined"', None)),
        ("undefined as text", Difference(Kind.TYPE, "a", '"nil"', "null")),
        ("string as code list", Difference(Kind.TYPE, "a", "[104,105]", '"hi"')),
        ("string as code list", Difference(Kind.TYPE, "a", "[]", '""')),
        ("duplicate key", Difference(Kind.DUPLICATE_KEY, "a", '"x", [2]', "[2]")),
        (
            "duplicate key + wrong encoding",
            Difference(Kind.DUPLICATE_KEY, "a", '"x", "é"', '"Ã©"'),
        ),
        ("duplicate key + integer as float", Difference(Kind.DUPLICATE_KEY, "a", "1, 2", "2.0")),
        ("null left out", Difference(Kind.NULL_VS_ABSENT, "a", "null", None)),
        ("empty list for object", Difference(Kind.EMPTY_LIST_VS_OBJECT, "a", "[]", "{}")),
        ("wrong encoding", Difference(Kind.MOJIBAKE, "a", '"é"', '"Ã©"')),
        ("float text", Difference(Kind.NUMERIC_FORMAT, "a", "0.1", "0.10000000000000000555")),
    ],
)
def test_two_values_show_their_quirk(name: str, difference: Difference) -> None:
    quirk = explain(Evidence(difference))
    assert quirk is not None
    assert quirk.name == name


@pytest.mark.parametrize(
    "difference",
    [
        Difference(Kind.VALUE_STRING, "a", '"x"', '"y"'),
        Difference(Kind.TYPE, "a", "5", "6.0"),
        Difference(Kind.TYPE, "a", "[104,106]", '"hi"'),
        Difference(Kind.TYPE, "$time", "100", "700.25"),
        Difference(Kind.DUPLICATE_KEY, "a", '"x", "y"', '"z"'),
        Difference(Kind.DUPLICATE_KEY, "a", "1, 2", "3.0"),
        Difference(Kind.DUPLICATE_KEY, "a", '"x", "yyy…', '"x"'),
        Difference(Kind.FIELD_REMOVED, "properties.ip", '"1.1.1.1"', None),
    ],
)
def test_what_no_quirk_proves_is_unknown(difference: Difference) -> None:
    assert explain(Evidence(difference)) is None


def test_an_address_that_the_client_gave_is_not_the_servers() -> None:
    found = Difference(Kind.VALUE_STRING, "properties.ip", '"1.1.1.1"', '"2.2.2.2"')
    assert named(Evidence(found, Payload(form(PLAIN)))) == "client address"
    assert named(Evidence(found, Payload(form(START + b',"ip":"1.1.1.1"}}')))) is None


TWO = {
    "trailing comma + raw control character": form(START + b',"a":"x\ty",}}'),
    "trailing comma + non-string key": form(START + b",7:1,}}"),
    "raw control character + unknown escape": form(START + b',"a":"x\ty\\q"}}'),
    "big integer + deep nesting": form(
        START + b',"a":' + b"7" * 5000 + b',"b":' + b"[" * 1500 + b"]" * 1500 + b"}}"
    ),
    "semicolon separator + trailing comma": Request(
        b"GET", b"/track?ip=0;data=" + quote_from_bytes(START + b",}}").encode(), FORM[:1]
    ),
    "path spelling + unknown escape": query(START + b',"a":"\\q"}}', path=b"//track"),
    "base64 junk + lone surrogate": form(b"!" + b64encode(START + b',"a": "\\ud83d"}}')),
}


@pytest.mark.parametrize(("name", "request_"), TWO.items(), ids=TWO)
def test_two_quirks_are_named_where_either_alone_is_not_enough(
    name: str, request_: Request, tmp_path: Path
) -> None:
    found = summary(tmp_path, request_)
    (cause,) = [cause for cause in found.causes if cause.kind in ("missing", "extra")]
    assert cause.quirk == name
    assert all(part in cause.explanation for part in (CATALOGUE[name].why, "Two quirks"))


def test_an_oddity_that_was_not_to_blame_is_not_named(tmp_path: Path) -> None:
    """A strict port refuses for the comma; that the key comes twice changes nothing."""
    (cause,) = summary(tmp_path, form(START + b',"a":1,"a":"\\u00e9",}}')).causes
    assert cause.quirk == "trailing comma"


def test_three_at_once_are_unknown(tmp_path: Path) -> None:
    found = summary(tmp_path, form(START + b',"a":"x\ty\\q",}}'))
    assert {cause.quirk for cause in found.causes} == {None}
    assert "No quirk" in found.causes[0].explanation


ODD = {
    "trailing comma": form(START + b',"a":1,}}'),
    "raw control character": form(START + b',"a":1,"b":"x\ty"}}'),
    "semicolon separator": Request(
        b"GET", b"/track?ip=0;data=" + quote_from_bytes(START + b',"a":1}}').encode(), FORM[:1]
    ),
    "path spelling": query(START + b',"a":1}}', path=b"//track"),
}


@pytest.mark.parametrize("request_", ODD.values(), ids=ODD)
def test_an_oddity_of_the_request_explains_no_value_that_changed(
    request_: Request, tmp_path: Path
) -> None:
    def changed(term: Term) -> bytes | None:
        return (MOCHIWEB.encode(term) or b"").replace(b'"a":1', b'"a":2')

    run = dual_run(tmp_path / "run", [request_], replace(MOCHIWEB, encode=changed))
    found = summarise(run, Rules())
    assert [(cause.quirk, cause.kind) for cause in found.causes] == [(None, "value_number")]


def test_an_oddity_that_no_port_fails_on_explains_no_missing_event() -> None:
    missing = Difference(Kind.MISSING, "", "events", None)
    for text in (b',"a":"\\u00e9","a":1}}', b',"a":-0.0}}', b',"a":"\\\\ud83d"}}'):
        assert explain(Evidence(missing, Payload(form(START + text)))) is None


def test_a_text_that_was_read_once_is_not_to_blame() -> None:
    missing = Difference(Kind.MISSING, "", "events", None)
    payload = Payload(form(b"[" + PLAIN + b"," + PLAIN + b",]"))
    assert named(Evidence(missing, payload)) == "trailing comma"
    assert explain(Evidence(missing, payload, queued=1)) is None


def test_an_event_that_a_repeated_key_made_another_one_is_lost_and_too_much() -> None:
    payload = Payload(form(b'{"event":"e","properties":{"token":"T","token":"U"}}'))
    missing = Evidence(Difference(Kind.MISSING, "", "events", None), payload)
    extra = Evidence(Difference(Kind.EXTRA, "", None, "events"), payload)
    assert named(replace(missing, queued=1)) == named(extra) == "duplicate key"
    assert named(missing) is None


def test_a_number_as_a_persons_name_hides_nothing() -> None:
    payload = Payload(form(START + b',"distinct_id":1.50,"a":"\\ud83d"}}'))
    extra = Evidence(Difference(Kind.EXTRA, "", None, "events"), payload)
    assert named(extra) == "lone surrogate"


@pytest.mark.parametrize(
    ("query_", "kind", "name"),
    [
        (b"verbose=0;ip=1&data=", "field_removed", "semicolon separator"),
        (b"ip=&ip=1&data=", "field_added", "blank parameter"),
    ],
)
def test_the_address_hangs_on_a_parameter(
    query_: bytes, kind: str, name: str, tmp_path: Path
) -> None:
    target = b"/track?" + query_ + quote_from_bytes(PLAIN, "").encode()
    (cause,) = summary(tmp_path, Request(b"GET", target, FORM[:1])).causes
    assert (cause.kind, cause.path, cause.quirk) == (kind, "properties.ip", name)


def test_a_large_batch_is_read_again_only_once(tmp_path: Path) -> None:
    events = b",".join(START + b',"n":%d}}' % number for number in range(400))
    found = summary(tmp_path, form(b"[" + events + b",]"))
    assert [(cause.quirk, cause.events) for cause in found.causes] == [("trailing comma", 400)]


def test_no_answer_is_the_first_thing_to_know() -> None:
    payload = Payload(form(START + b",}}"))
    evidence = Evidence(Difference(Kind.MISSING, "", None, None), payload, has_answer=False)
    quirk = explain(evidence)
    assert quirk is not None
    assert quirk.name == "no answer"


def test_repeated_keys_pair_with_what_a_dict_makes_of_them(tmp_path: Path) -> None:
    found = summary(tmp_path, form(START + b',"plan":"free","x":1,"plan":"pro"}}'))
    (cause,) = found.causes
    assert (cause.quirk, cause.path) == ("duplicate key", "properties.plan")
    assert found.events.changed == 1
    (difference,) = cause.examples[0].differences
    assert (difference.legacy, difference.candidate) == ('"free", "pro"', '"pro"')


def test_the_finished_candidate_shows_nothing(tmp_path: Path) -> None:
    requests = [case[0] for case in WHOLE.values()]
    found = summarise(dual_run(tmp_path / "run", requests, MOCHIWEB), Rules())
    assert found.causes == []
    assert found.agreed == len(requests)


def test_every_quirk_says_why_and_what_to_do() -> None:
    for quirk in CATALOGUE.values():
        assert len(quirk.why) > 40
        assert quirk.advice.endswith(".")


def test_two_joined_names_are_one_quirk() -> None:
    quirk = CATALOGUE["trailing comma + CESU-8"]
    assert quirk.kinds == CATALOGUE["trailing comma"].kinds
    assert all(CATALOGUE[name].why in quirk.why for name in ("trailing comma", "CESU-8"))
    for name in ("", "trailing", "trailing comma + ", "CESU-8 + CESU"):
        assert name not in CATALOGUE


PAGE = Path(__file__).parents[2] / "docs" / "quirks.md"
SECTIONS = re.findall(r"^### (.+)\n\n```text\n", PAGE.read_text(), re.MULTILINE)


def test_each_quirk_has_its_section_with_an_example_and_no_section_is_left_over() -> None:
    assert sorted(SECTIONS) == sorted(CATALOGUE)
    assert len(re.findall("^### ", PAGE.read_text(), re.MULTILINE)) == len(SECTIONS)


def test_an_anchor_leads_to_the_section() -> None:
    # As GitHub makes anchors of headings that hold letters, digits, blanks and hyphens only.
    anchors = {"docs/quirks.md#" + title.lower().replace(" ", "-") for title in SECTIONS}
    assert {quirk.anchor for quirk in CATALOGUE.values()} == anchors
    assert CATALOGUE["trailing comma + CESU-8"].anchor == "docs/quirks.md#trailing-comma"


def test_the_page_gives_the_advice_of_the_catalogue() -> None:
    page = " ".join(PAGE.read_text().split())
    assert [quirk.name for quirk in CATALOGUE.values() if quirk.advice not in page] == []
