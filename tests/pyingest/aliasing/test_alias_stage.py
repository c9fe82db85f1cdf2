"""The stage puts events under their person's own id, and changes nothing else."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.aliasing.memory import MemoryAliases
from pyingest.aliasing.reading import Person, read
from pyingest.aliasing.stage import AliasStage, Mode, spliced
from pyingest.aliasing.store import Alias, AliasError, Identity
from pyingest.event import Event
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire import json_mochi
from pyingest.wire.profile import MOCHIWEB


def stage(*pairs: tuple[str, str], **options: Any) -> AliasStage:
    store = MemoryAliases()
    store.learn([Alias("t", alias, target) for alias, target in pairs])
    return AliasStage(store, **options)


def bodies(stage: AliasStage, *texts: bytes) -> list[bytes]:
    return [event.body for event in stage.resolve([Event("events", text) for text in texts])]


CLASSIC = b'{"event":"Buy","properties":{"token":"t","distinct_id":%b,"n":1.0e+22,"x":"\\u00e9"}}'
MODERN = (
    b'{"event":"Buy","properties":{"distinct_id":%b,"$insert_id":"i"},'
    b'"envelope":{"token":"t","endpoint":"track"}}'
)
UPDATE = b'{"$token":"t","$distinct_id":%b,"$set":{"$distinct_id":"a","distinct_id":"a"}}'
ENVELOPED = b'{"$distinct_id":%b,"$set":{"a":1},"envelope":{"token":"t"}}'
SIGNED = b'{"event":"Buy","properties":{"token":"t","$distinct_id":%b}}'


@pytest.mark.parametrize("shape", [CLASSIC, MODERN, UPDATE, ENVELOPED, SIGNED])
@pytest.mark.parametrize("value", [b'"a"', b'"\\u0061"'])
def test_an_alias_is_replaced_and_all_other_bytes_stay(shape: bytes, value: bytes) -> None:
    assert bodies(stage(("a", "b")), shape % value) == [shape % b'"b"']


def test_a_number_is_looked_up_in_decimal_digits() -> None:
    assert bodies(stage(("13", "b")), CLASSIC % b"13") == [CLASSIC % b'"b"']
    assert bodies(stage(("13", "b")), CLASSIC % b"13.0") == [CLASSIC % b"13.0"]


@pytest.mark.parametrize(
    "body",
    [
        CLASSIC % b'"other"',
        CLASSIC % b"null",
        CLASSIC % b'["a"]',
        CLASSIC % b"true",
        b'{"event":"Buy","properties":{"token":"u","distinct_id":"a"}}',
        b'{"event":"Buy","properties":{"distinct_id":"a"}}',
        b'{"event":"Buy","properties":{"token":"t","x":{"distinct_id":"a"}}}',
        b'{"$token":"t","$distinct_id":"a","$ignore_alias":true,"$set":{}}',
        b'{"$token":"t","$distinct_id":"a","$ignore_alias":"true","$set":{}}',
        b'{"event":"Buy","properties":null}',
        b'["a"]',
        b"no JSON",
        b"[" * 10_000,
        b"",
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_names_no_alias_of_its_project_stays_as_it_is(body: bytes) -> None:
    assert bodies(stage(("a", "b")), body) == [body]


def test_the_spelling_is_that_of_the_contract() -> None:
    modern = stage(("a", "é\U0001f600"))
    classic = stage(("a", "é\U0001f600"), encode=json_mochi.encode)
    assert bodies(modern, MODERN % b'"a"') == [MODERN % '"é\U0001f600"'.encode()]
    assert bodies(classic, CLASSIC % b'"a"') == [CLASSIC % b'"\\u00e9\\ud83d\\ude00"']


def test_order_is_kept_under_the_new_id() -> None:
    event = Event("events", MODERN % b'"a"', b"t:a", b"id")
    (changed,) = stage(("a", "b")).resolve([event])
    assert (changed.queue, changed.key, changed.id) == ("events", b"t:b", b"id")


def special(name: str, **properties: object) -> bytes:
    return json.dumps({"event": name, "properties": {"token": "t"} | properties}).encode()


@pytest.mark.parametrize(
    "event",
    [
        special("$create_alias", alias="a", distinct_id="b"),
        special("$identify", **{"$anon_id": "a", "$identified_id": "b"}),
        special("$identify", **{"$anon_distinct_id": "a", "distinct_id": "b"}),
        special("$merge", **{"$distinct_ids": ["b", "a"]}),
    ],
    ids=["create_alias", "identify", "identify of a browser", "merge"],
)
def test_an_alias_that_an_event_tells_holds_for_the_events_beside_it(event: bytes) -> None:
    one = stage()
    assert bodies(one, CLASSIC % b'"a"', event) == [CLASSIC % b'"b"', event]
    assert bodies(one, event, MODERN % b'"a"') == [event, MODERN % b'"b"']
    assert (one.counts.learned, one.counts.resolved, one.counts.looked_up) == (1, 2, 2)


@pytest.mark.parametrize(
    "event",
    [
        special("$create_alias", alias="a"),
        special("$create_alias", alias=["a"], distinct_id="b"),
        special("$merge", **{"$distinct_ids": ["b"]}),
        special("$merge", **{"$distinct_ids": "ba"}),
        special("$identify", **{"$anon_id": "", "$identified_id": "b"}),
    ],
)
def test_an_alias_that_lacks_an_id_tells_nothing(event: bytes) -> None:
    one = stage()
    assert bodies(one, event, CLASSIC % b'"a"') == [event, CLASSIC % b'"a"']
    assert (one.counts.learned, one.counts.unread) == (0, 1)


def test_aliases_that_the_rules_forbid_are_counted() -> None:
    one = stage(("a", "b"))
    bodies(one, special("$create_alias", alias="a", distinct_id="c"))
    bodies(one, special("$create_alias", alias="b", distinct_id="a"))
    assert (one.counts.learned, one.counts.refused) == (0, 2)


def test_in_the_dark_everything_is_done_and_nothing_changed() -> None:
    one = stage(("a", "b"), mode=Mode.DARK)
    assert bodies(one, CLASSIC % b'"a"') == [CLASSIC % b'"a"']
    assert one.counts.resolved == 1
    one.mode = Mode.OFF
    assert bodies(one, CLASSIC % b'"a"') == [CLASSIC % b'"a"']
    assert one.counts.looked_up == 1
    one.mode = Mode.LIVE
    assert bodies(one, CLASSIC % b'"a"') == [CLASSIC % b'"b"']


class Broken(MemoryAliases):
    """A store that cannot be asked."""

    asked = 0

    def find(self, identities: Sequence[Identity]) -> list[str | None]:
        self.asked += 1
        raise AliasError("aliases: cannot read a.db: disk I/O error")


def test_when_the_store_fails_events_pass_and_it_is_left_alone_for_a_while() -> None:
    now, told, store = 0.0, list[str](), Broken()
    one = AliasStage(store, pause=5, clock=lambda: now, tell=told.append)
    for _ in range(3):
        assert bodies(one, CLASSIC % b'"a"') == [CLASSIC % b'"a"']
    now = 5.0
    assert bodies(one, CLASSIC % b'"a"') == [CLASSIC % b'"a"']
    assert (store.asked, one.counts.skipped, len(told)) == (2, 4, 2)


def test_what_the_service_itself_queues_is_resolved() -> None:
    data = (
        b'[{"event":"\xc3\xa9","properties":{"distinct_id":"a","token":"t","f":1.50,"d":1,"d":2}},'
        b'{"event":"x","properties":{"distinct_id":"b","token":"t"}}]'
    )
    request = Request(b"POST", b"/track?ip=1", ((b"Content-Type", FORM),), b"data=" + data)
    before = ingest(request, "127.0.0.1", 1.8e9, MOCHIWEB, Routes()).events
    after = stage(("a", "b"), encode=json_mochi.encode).resolve(before)
    expected = [event.body.replace(b'"distinct_id":"a"', b'"distinct_id":"b"') for event in before]
    assert [event.body for event in after] == expected
    assert after[0].body != before[0].body
    assert after[1] is before[1]


FORM = b"application/x-www-form-urlencoded"
MORE = st.dictionaries(
    st.sampled_from(["distinct_id", "a", 'say "distinct_id', "\\"]),
    st.recursive(
        st.sampled_from(["a", "distinct_id", '"distinct_id":"a"', "é", 1]),
        lambda inner: st.dictionaries(st.sampled_from(["distinct_id", "x"]), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=4,
)
TEXT = st.sampled_from(["a", "1", '"', "\\", "a:b"]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6
)


@given(TEXT, TEXT, MORE, st.booleans(), st.booleans())
def test_splicing_equals_parsing_replacing_and_writing(
    old: str, new: str, more: dict[str, Any], plain: bool, spaces: bool
) -> None:
    def written(person: str) -> bytes:
        properties = {**more, "token": "t", "distinct_id": person}
        event = (
            {"distinct_id": old, "event": "e", "properties": properties}
            if spaces
            else {
                "event": "e",
                "properties": properties,
            }
        )
        separators = (", ", ": ") if spaces else (",", ":")
        return json.dumps(event, ensure_ascii=plain, separators=separators).encode()

    person = read(written(old))
    assert person == Person("t", old, ("properties", "distinct_id"))
    text = json.dumps(new, ensure_ascii=plain).encode()
    assert spliced(written(old), person, text) == written(new)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b'"x":{"distinct_id":"a"},"distinct_id":"a"',
            b'"x":{"distinct_id":"a"},"distinct_id":"b"',
        ),
        (
            b'"say \\"distinct_id":"a","distinct\\u005fid":"a"',
            b'"say \\"distinct_id":"a","distinct\\u005fid":"b"',
        ),
        (b'"distinct_id":"c","distinct_id":"a"', b'"distinct_id":"c","distinct_id":"b"'),
        (b'"distinct_id":"a","distinct_id":"a"', b'"distinct_id":"b","distinct_id":"b"'),
    ],
    ids=["one below it", "one within a name", "two persons", "one person twice"],
)
def test_what_only_looks_like_the_member_stays(before: bytes, after: bytes) -> None:
    body = b'{"event":"e","properties":{"token":"t",%b}}'
    assert bodies(stage(("a", "b")), body % before) == [body % after]
