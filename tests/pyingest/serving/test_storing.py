"""What load balancers and operators are told of a guarded queue."""

from dataclasses import replace

import pytest

from pyingest.durability.acknowledgement import Ack, Circuit, DurableStatus
from pyingest.queues.interface import QueueError
from pyingest.serving.assembly import FAMILIES
from pyingest.serving.settings import QueueSettings, Settings, SpoolSettings
from pyingest.serving.storing import open_store, problem, samples

WELL = DurableStatus(
    policy=Ack.QUEUE,
    circuit=Circuit.CLOSED,
    spooled_events=0,
    spooled_bytes=0,
    oldest_seconds=0.0,
    direct=5,
    taken=0,
    drained=0,
    possible_duplicates=0,
    refused=0,
    set_aside=0,
    cut_bytes=0,
    adopted=0,
    trouble="",
)


def test_a_queue_that_is_away_is_no_problem_while_the_spool_has_room() -> None:
    away = replace(WELL, circuit=Circuit.OPEN, spooled_bytes=99)
    assert problem(away, 100) == ""
    assert "full" in problem(replace(away, spooled_bytes=100), 100)


def test_a_spool_in_trouble_matters_when_the_queue_is_away() -> None:
    broken = replace(WELL, trouble="no space left on device")
    assert problem(broken, 100) == ""
    assert "no space" in problem(replace(broken, circuit=Circuit.OPEN), 100)


def test_every_number_has_its_family() -> None:
    names = {family.name for family in FAMILIES}
    found = samples(replace(WELL, circuit=Circuit.OPEN))
    assert {one.name for one in found} <= names
    assert {one.value for one in found if one.name == "mixmigrate_queue_circuit"} == {2}


def test_acknowledging_from_the_spool_needs_a_spool() -> None:
    settings = Settings(queue=QueueSettings(url="memory:"), spool=SpoolSettings(ack="spool"))
    with pytest.raises(QueueError, match=r"spool\.directory"):
        open_store(None, settings)
