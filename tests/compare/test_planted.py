"""Every kind of difference, planted alone and mixed: all are found, and nothing is invented."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import pytest

from compare.planting import Plant, Planting, planted
from compare.plants import ARRIVAL, EQUAL, PLANTS
from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.stages.tally import Summary
from compare.testing import found_in, recorded
from shadow.recording import RunReader

ALONE, CLEAN = 200, 500
"""Requests with the one plant, and requests without; these have 1.6 events each, per side."""
MIRRORED = {
    "missing": "extra",
    "duplicate": "duplicate_lost",
    "field_removed": "field_added",
}
MIRRORED |= {value: key for key, value in MIRRORED.items()}


def compared(directory: Path, planting: Planting) -> Summary:
    return summarise(recorded(directory / "run", planting.exchanges, planting.events), Rules())


def told(plants: tuple[Plant, ...]) -> list[object]:
    return [pytest.param(plant, id=plant.name) for plant in plants]


def mirrored(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted((MIRRORED.get(name, name), count) for name, count in counts.items()))


def lines(found: Summary) -> dict[str, int]:
    """Return the event counts that are not zero, without the totals of both sides."""
    counts = {name: count for name, count in sorted(asdict(found.events).items()) if count}
    del counts["legacy"], counts["candidate"]
    return counts


@pytest.mark.parametrize("plant", told(PLANTS))
def test_a_plant_alone_is_found_at_every_place_and_nothing_else(
    plant: Plant, tmp_path: Path
) -> None:
    planting = planted({plant: ALONE}, clean=CLEAN, seed=2011)
    found = compared(tmp_path, planting)
    assert found.kinds == planting.kinds([plant])
    assert lines(found) == planting.lines([plant])
    assert [(cause.path, cause.quirk, cause.requests) for cause in found.causes] == (
        [(plant.path, plant.quirk, ALONE)] if plant.kinds else []
    )


@pytest.mark.parametrize("plant", told(tuple(one for one in PLANTS if not one.is_one_sided)))
def test_a_plant_on_the_other_side_is_found_mirrored(plant: Plant, tmp_path: Path) -> None:
    planting = planted({plant: ALONE}, clean=100, seed=2012, mirrored=True)
    found = compared(tmp_path, planting)
    assert found.kinds == mirrored(planting.kinds([plant]))
    assert lines(found) == mirrored(planting.lines([plant]))
    assert [(cause.path, cause.requests) for cause in found.causes] == (
        [(plant.path, ALONE)] if plant.kinds else []
    )


@pytest.mark.parametrize("plant", EQUAL, ids=lambda plant: plant.name)
def test_what_is_only_spelt_otherwise_touches_no_request(plant: Plant, tmp_path: Path) -> None:
    planting = planted({plant: ALONE}, clean=CLEAN, seed=2013)
    found = compared(tmp_path, planting)
    assert found.causes == []
    assert (found.agreed, found.differed) == (ALONE + CLEAN, 0)
    assert found.units.queue_mismatches == 0


@pytest.mark.parametrize("plant", ARRIVAL, ids=lambda plant: plant.name)
def test_a_planted_arrival_is_counted_and_changes_no_verdict(plant: Plant, tmp_path: Path) -> None:
    planting = planted({plant: ALONE}, clean=CLEAN, seed=2014)
    found = compared(tmp_path, planting)
    assert lines(found) == planting.lines([plant])
    assert (found.kinds, found.causes, found.differed) == ({}, [], 0)


MIXED = {plant: 60 + 7 * place for place, plant in enumerate(PLANTS)}
"""Requests with each plant; no two plants stand at equally many."""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planting, RunReader]:
    planting = planted(MIXED, clean=10_500, seed=2015)
    directory = tmp_path_factory.mktemp("mixed") / "run"
    return planting, recorded(directory, planting.exchanges, planting.events)


def test_all_plants_mixed_over_fifty_thousand_events_are_told_apart(
    mixed: tuple[Planting, RunReader],
) -> None:
    planting, run = mixed
    assert len(planting.events) >= 50_000
    found = summarise(run, Rules())
    assert found.kinds == planting.kinds(MIXED)
    assert lines(found) == planting.lines(MIXED)
    wanted: Counter[tuple[str, str, str | None]] = Counter()
    for plant, count in MIXED.items():
        wanted.update({(kind, plant.path, plant.quirk): count for kind in plant.kinds})
    assert {(one.kind, one.path, one.quirk): one.events for one in found.causes} == wanted


def test_each_difference_is_attributed_to_the_request_in_which_it_was_planted(
    mixed: tuple[Planting, RunReader],
) -> None:
    planting, run = mixed
    wanted = Counter(
        (number if "unlinked" not in plant.lines else None, kind, plant.path)
        for plant in MIXED
        for number in planting.places[plant.name]
        for kind in plant.kinds
    )
    assert attributed(run) == wanted


def attributed(run: RunReader) -> Counter[tuple[int | None, str, str]]:
    """Return all differences, each with the number of the exchange it is laid to."""
    _, findings = found_in(run, Rules())
    return Counter(
        (one.number or None, each.kind.value, each.path)
        for one in findings
        for each in one.differences
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_a_run_is_recorded_changes_nothing(seed: int, tmp_path: Path) -> None:
    plants = dict.fromkeys(PLANTS, 7)
    planting = planted(plants, clean=100, seed=seed)
    first = compared(tmp_path / "first", planting)
    Random(seed).shuffle(planting.events)
    Random(seed).shuffle(planting.exchanges)
    second = compared(tmp_path / "second", planting)
    assert asdict(second.events) == asdict(first.events)
    assert second.kinds == first.kinds
    bare = [
        [replace(cause, examples=()) for cause in found.causes] for found in (first, second)
    ]  # which cases are shown is a sample, drawn in the order of reading
    assert bare[0] == bare[1]
