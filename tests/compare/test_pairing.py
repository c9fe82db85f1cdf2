"""Which candidate event answers to which legacy event."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.pairing.blocks import Block
from compare.pairing.item import Item, said_by
from compare.pairing.pairing import Leftovers, Pairing
from shadow.exchange import Side, TappedEvent


def track(
    person: str = "p", name: str = "click", time: int | None = 100, **properties: object
) -> bytes:
    stamp = f',"time":{time}' if time is not None else ""
    more = "".join(f',"{key}":"{value}"' for key, value in properties.items())
    return (
        f'{{"event":"{name}","properties":{{"token":"t","distinct_id":"{person}"{more}{stamp}}}}}'
    ).encode()


def item(side: Side, body: bytes, queue: str = "events", link: bytes | None = None) -> Item:
    return Item(TappedEvent(side, queue, 0, 0.0, body), said_by(body), link)


def legacy(body: bytes, queue: str = "events", link: bytes | None = None) -> Item:
    return item(Side.LEGACY, body, queue, link)


def candidate(body: bytes, queue: str = "events", link: bytes | None = None) -> Item:
    return item(Side.CANDIDATE, body, queue, link)


def paired(*partitions: list[Item]) -> tuple[list[tuple[bytes, bytes]], Leftovers]:
    pairing = Pairing(tolerance=2.0)
    found = [pair for items in partitions for pair in pairing.add(items)]
    more, left = pairing.finish()
    bodies = [(pair.legacy.event.body, pair.candidate.event.body) for pair in found + more]
    return bodies, left


def sizes(left: Leftovers) -> dict[str, int]:
    names = ("missing", "extra", "duplicate", "duplicate_lost")
    return {name: len(getattr(left, name)) for name in names if getattr(left, name)}


def test_equal_bytes_come_before_equal_meaning() -> None:
    one, other = track(a="x"), track(a="x").replace(b'"a":"x"', b'"a": "x"')
    pairs, left = paired([legacy(one), legacy(other), candidate(other), candidate(one)])
    assert sorted(pairs) == sorted([(one, one), (other, other)])
    assert sizes(left) == {}


def test_key_order_does_not_hinder_a_pair() -> None:
    one = b'{"event":"e","properties":{"token":"t","a":1}}'
    other = b'{"properties":{"a":1,"token":"t"},"event":"e"}'
    assert paired([legacy(one), candidate(other)])[0] == [(one, other)]


def test_a_partner_in_another_partition_is_found() -> None:
    one = track("é", a="1")
    other = one.replace("é".encode(), b"\\u00e9")
    pairs, left = paired([legacy(one)], [candidate(other)])
    assert pairs == [(one, other)]
    assert sizes(left) == {}


def test_more_of_one_content_is_a_duplicate() -> None:
    body = track()
    _, left = paired([legacy(body), candidate(body), candidate(body), candidate(body)])
    assert sizes(left) == {"duplicate": 2}
    _, left = paired([legacy(body), legacy(body), candidate(body)])
    assert sizes(left) == {"duplicate_lost": 1}


def test_a_second_copy_of_a_changed_event_is_a_duplicate() -> None:
    ours, theirs = track(a="1", b="2", c="3"), track(a="1", b="2", c="4")
    _, left = paired([legacy(ours), candidate(theirs), candidate(theirs)])
    assert sizes(left) == {"duplicate": 1}


def test_the_same_content_on_another_queue_is_misrouted() -> None:
    pairing = Pairing(2.0)
    (pair,) = pairing.add([legacy(track(), "events"), candidate(track(), "profiles")])
    assert pair.is_misrouted


def test_a_queue_of_the_right_name_is_preferred() -> None:
    pairing = Pairing(2.0)
    pairs = list(
        pairing.add(
            [
                legacy(track(), "a"),
                legacy(track(), "b"),
                candidate(track(), "b"),
                candidate(track(), "a"),
            ]
        )
    )
    assert not any(pair.is_misrouted for pair in pairs)


def test_the_event_that_differs_least_is_the_partner() -> None:
    ours = track(a="1", b="2", c="3")
    near, far = track(a="1", b="2", c="X"), track(a="1", b="Y", c="X")
    pairs, left = paired([legacy(ours), candidate(far), candidate(near)])
    assert pairs == [(ours, near)]
    assert sizes(left) == {"extra": 1}


def test_insert_ids_pair_events_that_share_little_else() -> None:
    ours = b'{"event":"e","properties":{"token":"t","$insert_id":"q","a":1,"b":2,"c":3}}'
    theirs = b'{"event":"E","properties":{"token":"T","$insert_id":"q"}}'
    assert paired([legacy(ours), candidate(theirs)])[0] == [(ours, theirs)]


def test_an_update_with_a_field_more_keeps_its_partner() -> None:
    ours = b'{"$token":"t","$distinct_id":"p","$set":{"a":1,"b":2}}'
    theirs = ours[:-1] + b',"new":1}'
    other = b'{"$token":"t","$distinct_id":"p","$add":{"a":1,"b":2}}'
    pairs, left = paired([legacy(other), legacy(ours), candidate(theirs)])
    assert pairs == [(ours, theirs)]
    assert sizes(left) == {"missing": 1}


def test_a_missing_and_an_extra_event_are_no_pair() -> None:
    ours, theirs = track(time=1, a="1", b="2", c="3"), track(time=9, a="4", b="5", c="6")
    _, left = paired([legacy(ours), candidate(theirs)])
    assert sizes(left) == {"missing": 1, "extra": 1}


def test_events_of_two_requests_are_no_pair_however_alike() -> None:
    ours, theirs = track(a="1", b="2"), track(a="1", b="3")
    links = said_by(ours).bare, said_by(theirs).bare
    _, left = paired([legacy(ours, link=links[0]), candidate(theirs, link=links[1])])
    assert sizes(left) == {"missing": 1, "extra": 1}


def test_server_times_are_paired_in_order_not_by_chance_equality() -> None:
    bare = said_by(track(time=None)).bare
    ours = [legacy(track(time=second), link=bare) for second in range(100, 150)]
    theirs = [candidate(track(time=second + 1), link=bare) for second in range(100, 150)]
    pairs, left = paired([*ours, *theirs])
    assert sizes(left) == {}
    assert {said_by(b).time != said_by(a).time for a, b in pairs} == {True}


def test_a_lost_event_among_server_times_costs_no_other_its_partner() -> None:
    bare = said_by(track(time=None)).bare
    ours = [legacy(track(time=10 * second), link=bare) for second in range(50)]
    theirs = [candidate(track(time=10 * second), link=bare) for second in range(50) if second != 7]
    pairs, left = paired([*ours, *theirs])
    assert all(a == b for a, b in pairs)
    assert sizes(left) == {"duplicate_lost": 1}


def test_a_large_block_is_paired_in_linear_work() -> None:
    random = Random(5)
    ours = [track(time=second, a=str(random.random())) for second in range(3000)]
    items = [legacy(body) for body in ours]
    items += [candidate(body.replace(b'"a":', b'"b":')) for body in ours]
    random.shuffle(items)
    block = Block(
        [one for one in items if one.event.side is Side.LEGACY],
        [one for one in items if one.event.side is Side.CANDIDATE],
        0.5,
    )
    assert len(list(block._near_offers())) <= 2 * 3000 * 8
    assert all(
        pair.legacy.seconds == pair.candidate.seconds and pair.legacy != pair.candidate
        for pair in block.pairs()
    )
    assert len(block.pairs()) == 3000


BODIES = st.builds(
    track,
    st.sampled_from(["p", "q"]),
    st.sampled_from(["click", "view"]),
    st.integers(100, 103),
    a=st.sampled_from("123"),
    b=st.sampled_from("12"),
)
EVENTS = st.lists(st.tuples(st.sampled_from(Side), BODIES, st.sampled_from("xy")), max_size=14)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False), st.sampled_from([0, 40]))
def test_pairing_is_symmetric_and_knows_no_order(
    events: list[tuple[Side, bytes, str]], random: Random, repeats: int
) -> None:
    events = events + events[:1] * repeats
    items = [item(*event) for event in events]
    other = {Side.LEGACY: Side.CANDIDATE, Side.CANDIDATE: Side.LEGACY}
    mirrored = [
        Item(replace(one.event, side=other[one.event.side]), one.said, one.link) for one in items
    ]
    random.shuffle(mirrored)
    pairs, left = paired(items)
    back, rest = paired(mirrored)
    assert Counter(pairs) == Counter((b, a) for a, b in back)
    assert bodies(left.missing) == bodies(rest.extra)
    assert bodies(left.extra) == bodies(rest.missing)
    assert bodies(left.duplicate) == bodies(rest.duplicate_lost)


def bodies(items: list[Item]) -> Counter[bytes]:
    return Counter(one.event.body for one in items)


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_every_event_is_in_one_place(events: list[tuple[Side, bytes, str]]) -> None:
    pairs, left = paired([item(*event) for event in events])
    ours = Counter(body for side, body, _ in events if side is Side.LEGACY)
    theirs = Counter(body for side, body, _ in events if side is Side.CANDIDATE)
    assert ours == Counter(a for a, _ in pairs) + bodies(left.missing + left.duplicate_lost)
    assert theirs == Counter(b for _, b in pairs) + bodies(left.extra + left.duplicate)


@pytest.mark.parametrize("seed", range(3))
def test_an_event_of_another_type_keeps_its_partner(seed: int) -> None:
    random = Random(seed)
    ours = [track(str(person), a="1", b="2", c=str(random.random())) for person in range(200)]
    theirs = [body.replace(b'"a":"1"', b'"a":1') for body in ours]
    items = [legacy(body) for body in ours] + [candidate(body) for body in theirs]
    random.shuffle(items)
    pairs, left = paired(items)
    assert sorted(pairs) == sorted(zip(ours, theirs, strict=True))
    assert sizes(left) == {}
