"""Whether one person's events lie on both queues in the same order."""

from compare.pairing.sequence import Sequence


def pair(person: str, queue: str = "events") -> bytes:
    return f'{queue}\t{{"properties":{{"distinct_id":"{person}"}}}}'.encode()


def noted(*pairs: tuple[bytes, int, int]) -> int:
    sequence = Sequence()
    for text, legacy, candidate in pairs:
        sequence.note(text, b"L1.0 %d" % legacy, b"C1.0 %d" % candidate)
    return sequence.reordered


def test_the_same_order_is_no_remark() -> None:
    assert noted((pair("a"), 1, 5), (pair("a"), 2, 6), (pair("a"), 9, 7)) == 0


def test_an_event_before_an_earlier_one_is_counted() -> None:
    assert noted((pair("a"), 1, 6), (pair("a"), 2, 5)) == 1


def test_two_persons_have_no_order_between_them() -> None:
    assert noted((pair("a"), 1, 6), (pair("b"), 2, 5)) == 0


def test_two_queues_have_no_order_between_them() -> None:
    assert noted((pair("a"), 1, 6), (pair("a", "profiles"), 2, 5)) == 0


def test_the_sides_may_come_in_either_way() -> None:
    sequence = Sequence()
    sequence.note(pair("a"), b"C1.0 6", b"L1.0 1")
    sequence.note(pair("a"), b"L1.0 2", b"C1.0 5")
    assert sequence.reordered == 1


def test_an_event_without_a_person_is_left_out() -> None:
    assert noted((b"events\t{}", 1, 6), (b"events\t{}", 2, 5)) == 0
