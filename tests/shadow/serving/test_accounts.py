"""What a killed process told is put right, by what it recorded."""

import os
from pathlib import Path

from pyingest.message import Request
from shadow.exchange import Exchange
from shadow.ledger import Ledger
from shadow.runs.manifest import RunManifest
from shadow.runs.retention import Keep, prune
from shadow.runs.rotating import PartsWriter
from shadow.runs.run import Run
from shadow.serving import statusfiles
from shadow.serving.accounts import close_killed, settle
from shadow.status import Status
from shadow.testing import ONE


def exchange(number: int) -> Exchange:
    request = Request(b"GET", b"/track?_=%d" % number, ((b"Host", b"x"),))
    return Exchange(number, 1000.0 + number, request, ONE, ONE)


def test_deleted_parts_of_a_killed_process_still_count(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RunManifest(created=1.0, partitions=2))
    (run.directory / "status").mkdir()
    writer, counted = PartsWriter(run, "proxy-0", clock=lambda: 2000.0), Ledger()
    for number in range(1, 11):
        writer.add_exchange(exchange(number))
        counted.ended(exchange(number))
        if number % 3 == 0:
            writer.rotate(counted.to_dict())
    writer.flush()
    prune(run, Keep(seconds=1.0), 3000.0)
    counted.received += 2
    told = Status(name="proxy-0", pid=1, began=1.0, at=2.0, ledger=counted.to_dict())
    statusfiles.write(run.directory / "status", told)
    writer._writer._release()  # what the kernel does when a process is killed
    assert close_killed(run, "proxy-0", "signal 9") == 2
    found = statusfiles.read(run.directory / "status", "proxy-0")
    assert found is not None
    assert {name: found.ledger[name] for name in ("received", "mirrored", "lost", "remainder")} == {
        "received": 12,
        "mirrored": 10,
        "lost": 2,
        "remainder": 0,
    }
    assert run.manifest.pruned.ledger["received"] == 9
    run.close()
    assert run.manifest.whole_ledger == found.ledger


def test_what_was_not_recorded_to_the_end_is_told_as_lost(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RunManifest(created=1.0, partitions=2))
    place = run.directory / "status"
    place.mkdir()
    writer, counted = PartsWriter(run, "proxy-0"), Ledger()
    writer.add_exchange(exchange(1))
    for number in range(1, 4):
        counted.ended(exchange(number))
    given = {"name": "proxy-0", "began": 1.0, "at": 2.0, "ledger": counted.to_dict()}
    statusfiles.write(place, Status(pid=os.getpid(), **given))  # type: ignore[arg-type]
    another = Status(pid=1, **{**given, "name": "proxy-1"})  # type: ignore[arg-type]
    statusfiles.write(place, another)  # its parts are not there any more
    writer.abandon(counted.to_dict(), "too little room on the disk")
    run.close()
    settle(run)
    found = statusfiles.read(place, "proxy-0")
    assert found is not None
    assert (found.ledger["received"], found.ledger["lost"], found.most["mirrored"]) == (3, 2, 3)
    assert found.ledger == run.manifest.whole_ledger
    assert statusfiles.read(place, "proxy-1") == another
