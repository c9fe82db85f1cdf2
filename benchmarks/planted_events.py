"""Two queues of made-up events, one with planted mistakes: as plain files and as a recorded run.

Everything follows from an event's number, so that any number of events takes no memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shadow.exchange import Side, TappedEvent
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest

TAP = {"attached": True, "read": 0, "backlog": 0, "errors": 0, "error": ""}
CITIES = ("Zürich", "São Paulo", "Kraków", "Oslo", "Łódź", "Paris", "Málaga")


@dataclass(frozen=True, slots=True)
class Planted:
    """How many of *events* legacy events are changed, missing, and how many are extra."""

    events: int
    respelt: int = 50
    """Of a hundred candidate events, how many say the same in other bytes."""

    @property
    def expected(self) -> dict[str, int]:
        """The counts that a comparison must find."""
        changed = sum(1 for _ in range(7, self.events, 200))
        missing = sum(1 for _ in range(3, self.events, 1000))
        return {"changed": changed, "missing": missing, "extra": self.events // 1000}

    def legacy(self) -> Iterator[bytes]:
        """Yield legacy's messages in a shuffled order."""
        for place in range(self.events):
            yield plain(shuffled(place, self.events, 7))

    def candidate(self) -> Iterator[bytes]:
        """Yield the candidate's messages in another shuffled order."""
        for place in range(self.events):
            number = shuffled(place, self.events, 11)
            if number % 1000 == 3:
                continue
            count = 8 if number % 200 == 7 else None
            body = plain(number, count)
            if mixed(number) % 100 < self.respelt:
                body = respelt(number, count)
            yield body
        for number in range(self.events, self.events + self.events // 1000):
            yield plain(number)


def mixed(number: int) -> int:
    """Return a number that looks like chance."""
    number = (number ^ (number >> 15)) * 0x2C1B3C6D & 0xFFFFFFFF
    return number ^ (number >> 13)


def shuffled(place: int, count: int, salt: int) -> int:
    """Return the number at *place* of a permutation of ``range(count)``; *count* a power of 10."""
    # A multiplier prime to 10 permutes the residues; the salt tells two orders apart.
    return (place * (salt * 1_000_003 * 10 + 1) + salt * 7919) % count


def plain(number: int, count: int | None = None) -> bytes:
    """Return event *number* as legacy writes it: ASCII, about 340 bytes."""
    mark, person = mixed(number), number * 7 % 40_000
    city = CITIES[number % 7].encode("ascii", "backslashreplace").decode()
    city = city.replace("\\x", "\\u00")
    return (
        f'{{"event":"click","properties":{{"token":"token{person % 50}",'
        f'"distinct_id":"person{person}","time":{1_300_000_000 + number},"$os":"Mac OS X",'
        f'"$browser":"Firefox","page":"/page/{mark % 500}","price":{mark % 9999}.25,'
        f'"count":{mark % 7 if count is None else count},"city":"{city}","mp_lib":"web",'
        f'"referrer":"http://example.com/{mark:08x}","$screen_height":1080,'
        f'"$insert_id":"{number:016x}","plan":"basic","beta":false}}}}'
    ).encode()


def respelt(number: int, count: int | None = None) -> bytes:
    """Return the same event with its keys in another order, and in UTF-8."""
    mark, person = mixed(number), number * 7 % 40_000
    return (
        f'{{"properties":{{"$insert_id":"{number:016x}","beta":false,"plan":"basic",'
        f'"$screen_height":1080,"referrer":"http://example.com/{mark:08x}","mp_lib":"web",'
        f'"city":"{CITIES[number % 7]}","count":{mark % 7 if count is None else count},'
        f'"price":{mark % 9999}.25,"page":"/page/{mark % 500}","$browser":"Firefox",'
        f'"$os":"Mac OS X","time":{1_300_000_000 + number},"distinct_id":"person{person}",'
        f'"token":"token{person % 50}"}},"event":"click"}}'
    ).encode()


def write_files(directory: Path, planted: Planted) -> None:
    """Write ``legacy.jsonl`` and ``candidate.jsonl``, which the peers read."""
    for name, messages in (("legacy", planted.legacy()), ("candidate", planted.candidate())):
        with (directory / f"{name}.jsonl").open("wb") as file:
            file.writelines(message + b"\n" for message in messages)


def write_run(directory: Path, planted: Planted) -> None:
    """Write the recorded run of the same events, as a tap records them."""
    writer = RunWriter(directory, Manifest(created=0.0))
    sides = ((Side.LEGACY, planted.legacy()), (Side.CANDIDATE, planted.candidate()))
    for side, messages in sides:
        for offset, body in enumerate(messages):
            at = 1_795_000_000.0 + offset % 7
            writer.add_event(TappedEvent(side, "events", offset, at, body))
    writer.close({"mirrored": 0}, {side.value: TAP for side in Side})
