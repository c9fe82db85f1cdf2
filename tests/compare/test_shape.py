"""Tables of a file become records, or words about what does not fit."""

from collections.abc import Iterable

import msgspec

from compare.policy.shape import Section, fit


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that is no section, with a key that Python reserves."""

    class_: str = msgspec.field(name="class")
    most: int = 1


class Inner(Section, frozen=True):
    """A section with a trouble of its own."""

    low: int
    high: int

    def troubles(self) -> Iterable[tuple[str, str]]:
        return [("high", "is below low")] if self.high < self.low else []


class Outer(Section, frozen=True):
    """A section of sections."""

    rules: tuple[Rule, ...] = ()
    inners: list[Inner] = []  # noqa: RUF012  # msgspec copies it


def said(table: object) -> list[str]:
    record, misfits = fit(Outer, table)
    assert (record is None) == bool(misfits)
    return [str(one) for one in misfits]


def test_a_key_is_called_in_the_file_as_its_record_says() -> None:
    record, misfits = fit(Outer, {"rules": [{"class": "a"}]})
    assert not misfits
    assert record is not None
    assert record.rules[0].class_ == "a"


def test_a_record_that_is_no_section_is_held_to_its_keys() -> None:
    assert said({"rules": [{"clas": "a"}]}) == [
        "rules[1]: unknown key 'clas' (did you mean 'class'?); allowed: class, most",
        "rules[1]: class is missing; it must be given",
    ]


def test_every_misfit_is_told_in_the_order_of_the_file() -> None:
    table = {"inners": [{"low": 2, "high": 1}, {"low": "x", "high": 1}, 7], "rules": 5}
    assert said(table) == [
        "inners[1].high: is below low",
        "inners[2].low: must be a whole number, not a text in quotes",
        "inners[3]: must be a table, not 7",
        "rules: must be a list of tables; write [[rules]]",
    ]


def test_what_does_not_fit_is_not_asked_for_its_troubles() -> None:
    assert said({"inners": [{"low": 2, "high": 1, "middle": 0}]}) == [
        "inners[1]: unknown key 'middle'; allowed: low, high"
    ]


def test_a_table_must_be_one() -> None:
    assert said([]) == ["must be a table, not []"]
