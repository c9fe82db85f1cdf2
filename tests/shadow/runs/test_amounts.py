"""Sizes and spans of time as people write them."""

import pytest

from shadow.runs.amounts import bytes_of, seconds_of, size_text, span_text


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("17", 17), ("500MB", 500_000_000), ("1.5 GiB", 3 * 2**29), ("2kb", 2000)],
)
def test_a_size_is_read(text: str, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5h", 5400), ("7d", 604_800), ("2w", 1209600)]
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "GB", "1 PB", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        bytes_of(text)


def test_what_is_too_much_to_reckon_with_is_refused() -> None:
    with pytest.raises(ValueError, match="is too large"):
        bytes_of("1" + "0" * 20 + "TB")
    with pytest.raises(ValueError, match="no number to reckon with"):
        seconds_of("1" + "0" * 400 + "w")


@pytest.mark.parametrize("text", ["", "90", "3 moons", "-1s"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (999_600, "1 MB"), (2 * 10**15, "2,000 TB")],
)
def test_a_size_is_written_in_three_digits(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (61, "1 min 1 s"), (3600, "1 h"), (273_800, "3 d 4 h")]
)
def test_a_span_is_written_in_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
