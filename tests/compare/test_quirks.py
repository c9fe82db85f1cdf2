"""The catalogue: each quirk is found by running both ways to read on a request that has it."""

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from compare.difference import Difference, Kind
from compare.engine import summarise
from compare.payload import Payload
from compare.quirk import Evidence
from compare.quirks import CATALOGUE, explain
from compare.rules import Rules
from compare.tally import Summary
from compare.testing import dual_run
from pyingest.message import Request
from pyingest.wire.profile import MOCHIWEB

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
    "semicolon separator": (
        Request(b"GET", b"/track?ip=0;data=" + quote_from_bytes(PLAIN, "").encode(), FORM[:1]),
        "missing",
    ),
    "blank parameter": (
        Request(b"GET", b"/track?data=&data=" + quote_from_bytes(PLAIN, "").encode(), FORM[:1]),
        "extra",
    ),
    "path spelling": (query(PLAIN, path=b"//track"), "missing"),
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


def test_cesu8_is_named_though_neither_side_queues_it() -> None:
    payload = Payload(coded(START + b',"a":"\xed\xa0\xbd\xed\xb8\x80"}}'))
    for kind in (Kind.BODY, Kind.MISSING, Kind.EXTRA):
        quirk = explain(Evidence(Difference(kind, "", None, None), payload))
        assert quirk is not None
        assert quirk.name == "CESU-8"


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("large body", Request(b"POST", b"/track", FORM, b"data=" + b"x" * (1 << 20))),
        ("long request line", query(PLAIN + b" " * 9000)),
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
        ("string as code list", Difference(Kind.TYPE, "a", "[104,105]", '"hi"')),
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


def test_a_plain_change_has_no_quirk() -> None:
    assert explain(Evidence(Difference(Kind.VALUE_STRING, "a", '"x"', '"y"'))) is None
    assert explain(Evidence(Difference(Kind.TYPE, "a", "5", "6.0"))) is None


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
