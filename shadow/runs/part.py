"""One part of a run, read: whole, damaged, or still being written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from shadow.exchange import Exchange, TappedEvent
from shadow.lines import read_event, read_exchange
from shadow.partitions import segment_name
from shadow.runs.manifest import Damage, PartManifest
from shadow.segments import Cut, SegmentReader


class Part:
    """One part of a run, whole or damaged. What cannot be read is told to *damage*.

    :param where: stands before the names of its files in what is told.
    """

    def __init__(self, directory: Path, manifest: PartManifest, where: str) -> None:
        self.directory = directory
        self.manifest = manifest
        self.where = where

    def exchanges(self, number: int, damage: list[Damage]) -> Iterator[Exchange]:
        """Yield the exchanges of one partition, numbered as in the whole run."""
        found = self._read("exchanges", number, read_exchange, self.manifest.exchanges, damage)
        base = self.manifest.base
        return (renumbered(one, base) for one in found) if base else found

    def events(self, number: int, damage: list[Damage]) -> Iterator[TappedEvent]:
        """Yield the events of one partition."""
        return self._read("events", number, read_event, self.manifest.events, damage)

    def event_lines(self, number: int, damage: list[Damage]) -> Iterator[list[bytes]]:
        """Yield the lines of one partition's events in blocks, unread."""
        good = 0
        name = segment_name("events", number)
        for lines in self._blocks(name, damage):
            good += len(lines)
            yield lines
        self._miss(name, good, number, self.manifest.events, damage)

    def _read(
        self, kind: str, number: int, parse: Any, counts: list[int], damage: list[Damage]
    ) -> Iterator[Any]:
        name = segment_name(kind, number)
        good = bad = 0
        for lines in self._blocks(name, damage):
            for line in lines:
                try:
                    record = parse(line)
                except (msgspec.DecodeError, ValueError):
                    bad += 1
                    continue
                good += 1
                yield record
        if bad:
            self._note(name, f"{bad} lines could not be read", damage)
        self._miss(name, good + bad, number, counts, damage)

    def _blocks(self, name: str, damage: list[Damage]) -> Iterator[list[bytes]]:
        reader = SegmentReader(self.directory / name)
        try:
            while lines := reader.more():
                yield lines
        except Cut as error:
            self._note(name, f"cut short: {error}", damage)
            return
        if reader.is_in_frame:
            self._note(name, "cut short: the last frame is not whole", damage)

    def _miss(
        self, name: str, found: int, number: int, counts: list[int], damage: list[Damage]
    ) -> None:
        promised = counts[number] if number < len(counts) else 0
        if found < promised:
            self._note(name, f"{promised - found} of {promised} lines are missing", damage)

    def _note(self, name: str, what: str, damage: list[Damage]) -> None:
        told = Damage(f"{self.where}{name}", what)
        if told not in damage:
            damage.append(told)


def renumbered(exchange: Exchange, base: int) -> Exchange:
    """Return *exchange* with *base* added to its number."""
    return replace(exchange, number=exchange.number + base)
