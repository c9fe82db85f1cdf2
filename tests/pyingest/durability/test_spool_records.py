"""Records of a spool: what was written comes back, what was torn is never taken for whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.durability.record import DOUBTFUL, Entry, encode, records
from pyingest.event import Event

EVENTS = st.builds(
    Event,
    st.text(max_size=20),
    st.binary(max_size=200),
    st.binary(max_size=9),
    st.binary(max_size=9),
)
ENTRIES = st.builds(Entry, EVENTS, st.booleans(), st.integers(0, 2**63))


@given(st.lists(ENTRIES, max_size=8))
def test_what_was_encoded_comes_back_in_order(entries: list[Entry]) -> None:
    data = b"".join(map(encode, entries))
    assert [found.entry for found in records(data)] == entries


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.data())
def test_a_torn_tail_yields_the_records_before_it(
    entries: list[Entry], data: st.DataObject
) -> None:
    blocks = [encode(entry) for entry in entries]
    whole = b"".join(blocks[:-1])
    cut = data.draw(st.integers(0, len(blocks[-1]) - 1))
    found = list(records(whole + blocks[-1][:cut]))
    assert [each.entry for each in found] == entries[:-1]
    assert (found[-1].end if found else 0) == len(whole)


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.data())
def test_a_changed_byte_never_makes_another_event(
    entries: list[Entry], data: st.DataObject
) -> None:
    block = bytearray(b"".join(map(encode, entries)))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] ^= data.draw(st.integers(1, 255))
    found = [each.entry for each in records(bytes(block)) if each.entry is not None]
    assert len(found) < len(entries)
    assert all(entry in entries for entry in found)


def test_a_damaged_record_is_stepped_over_when_a_whole_one_follows() -> None:
    entries = [Entry(Event("events", b"%d" % number)) for number in range(3)]
    blocks = [encode(entry) for entry in entries]
    blocks[1] = blocks[1][:-1] + b"!"
    found = [each.entry for each in records(b"".join(blocks))]
    assert found == [entries[0], None, entries[2]]


def test_zeros_that_a_crash_left_are_no_records() -> None:
    block = encode(Entry(Event("events", b"x")))
    assert len(list(records(block + bytes(4096)))) == 1


def test_doubt_and_time_are_kept() -> None:
    entry = Entry(Event("events", b"x", b"key", b"id"), True, 1_795_233_463_123)
    (found,) = records(encode(entry))
    assert found.entry == entry
    assert DOUBTFUL == 1


def test_a_key_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be spooled"):
        encode(Entry(Event("events", b"x", key=bytes(65_536))))
