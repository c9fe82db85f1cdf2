"""Whether one person's events lie on both queues in the same order."""

from dataclasses import dataclass, field

from shadow.partitions import PERSON


@dataclass(slots=True)
class Sequence:
    """Takes pairs in the order in which they are found; remembers the last one of each person."""

    reordered: int = 0
    """Pairs that lie in another order than the person's last one does on one of the queues."""
    _last: dict[int, tuple[int, int]] = field(default_factory=dict)

    def note(self, text: bytes, one: bytes, other: bytes) -> None:
        """Take a pair: its queue, a tab and a text that names its person; both lines' heads."""
        person = PERSON.search(text)
        if person is None:
            return
        here, there = _offset(one), _offset(other)
        if one[:1] in b"Cc":
            here, there = there, here
        # Offsets of one queue say nothing about those of another.
        key = hash((text.partition(b"\t")[0], person[1]))
        last = self._last.get(key)
        if last is not None and (here - last[0]) * (there - last[1]) < 0:
            self.reordered += 1
        if last is None or here > last[0]:
            self._last[key] = here, there


def _offset(head: bytes) -> int:
    text = head.rpartition(b" ")[2]
    return int(text) if text.isdigit() else 0
