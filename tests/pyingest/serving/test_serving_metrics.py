"""Counters: they add up over workers, and Prometheus' own parser reads what is rendered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pyingest.serving.assembly import FAMILIES
from pyingest.serving.metrics import Counters, Family, Sample, lasting, summed
from pyingest.serving.prometheus import rendered

HITS = Family("hits_total", "counter", "Hits.")
OPEN = Family("open", "gauge", "Open.")
AGE = Family("age_seconds", "gauge", "Age.", largest=True)
TIMES = Family("times_seconds", "histogram", "Times.")
ALL = (HITS, OPEN, AGE, TIMES)


def test_a_histogram_is_cumulative_and_ends_with_infinity() -> None:
    counters = Counters([0.1, 1.0])
    for value in (0.05, 0.1, 0.5, 7.0):
        counters.put(counters.buckets("times_seconds", ()), value)
    found = {(one.name, one.labels): one.value for one in counters.samples()}
    assert found["times_seconds_bucket", (("le", "0.1"),)] == 2
    assert found["times_seconds_bucket", (("le", "1.0"),)] == 3
    assert found["times_seconds_bucket", (("le", "+Inf"),)] == 4
    assert found["times_seconds_count", ()] == 4
    assert found["times_seconds_sum", ()] == pytest.approx(7.65)


def test_workers_add_up_and_ages_are_compared() -> None:
    one = [Sample("hits_total", (), 1), Sample("age_seconds", (), 5)]
    two = [Sample("hits_total", (), 2), Sample("age_seconds", (), 3)]
    assert summed([one, two], ALL) == [Sample("hits_total", (), 3), Sample("age_seconds", (), 5)]


def test_what_a_gone_worker_held_is_gone_and_what_it_counted_stays() -> None:
    samples = [Sample("hits_total", (), 1), Sample("open", (), 5)]
    assert lasting(samples, ALL) == [Sample("hits_total", (), 1)]


@given(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_number_comes_back_from_the_parser(label: str, value: float) -> None:
    label = label.replace("\r", "")  # the parser takes one for the end of a line
    text = rendered([Sample("open", (("of", label),), value)], ALL).decode("utf-8", "replace")
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.value == pytest.approx(value)
    if label.isascii() and label.isprintable():
        assert sample.labels == {"of": label}


def test_the_families_have_names_as_prometheus_wants_them() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.help.endswith(".")


def test_samples_of_no_known_family_are_left_out() -> None:
    assert rendered([Sample("foreign", (), 1)], ALL) == b""


@given(st.lists(st.integers(0, 12).map(lambda eighths: eighths / 8), max_size=30))
def test_many_values_of_a_histogram_count_as_one_by_one(values: list[float]) -> None:
    one, many = Counters((0.125, 0.5, 1.0)), Counters((0.125, 0.5, 1.0))
    for value in values:
        one.put(one.buckets("seconds", ()), value)
    many.put_all(many.buckets("seconds", ()), values)
    assert many.buckets("seconds", ()) == one.buckets("seconds", ())
