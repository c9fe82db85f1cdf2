"""What a run, and each of its parts, says of itself: ``manifest.json``.

A run of parts has one manifest of its own and one in each part. A run of one part has only that
part's: this is how every run was before there were parts.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from shadow.ledger import merged

FORMAT = 2
"""Of a part, and of a run that is one part."""
RUN_FORMAT = 3
"""Of the manifest of a run of parts."""
PARTITIONS = 64
NUMBERS = 10**11
"""Numbers of requests that belong to each part: request 300000000017 is number 17 of part 3. Those
of the first part are as they are."""

PREPARED = "prepared"
"""Of a part that comes next, and holds nothing yet: nobody else looks at it."""
RECORDING = "recording"
COMPLETE = "complete"
KILLED = "killed"
STOPPED = "stopped"


class RecordingError(Exception):
    """A run directory cannot be written or read. The text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is missing or unreadable in a run. A value: the verdict must say it."""

    where: str
    what: str


class Manifest(msgspec.Struct, kw_only=True):
    """What a run directory says about itself; of a run of parts, all of them together."""

    format: int = FORMAT
    state: str = RECORDING
    """``recording`` while a writer is at work (or was killed), ``complete`` after a clean end.
    Of parts, also ``killed`` (somebody noticed) and ``stopped`` (nothing could be recorded)."""
    created: float
    """Epoch seconds."""
    partitions: int = PARTITIONS
    legacy: dict[str, str] = {}
    """What was run on this side: ``url``, ``queue``, ``build``."""
    candidate: dict[str, str] = {}
    exchanges: list[int] = []
    """Lines written to each partition."""
    events: list[int] = []
    ledger: dict[str, int] = {}
    """Counters of the proxy; see ``shadow.ledger``."""
    taps: dict[str, dict[str, Any]] = {}
    """For each side: ``attached``, ``read``, ``backlog`` at the end, ``error`` if it failed."""
    notes: list[str] = []
    """Things a reader of the report must know, such as "legacy was the stand-in"."""
    tax: list[dict[str, Any]] = []
    """What each process with a control arm measured; see ``shadow.isolating.tax``."""


class PartManifest(Manifest, kw_only=True):
    """What one part of a run says about itself."""

    name: str = ""
    """``proxy-0.0001``: who wrote it, and which of that writer's parts it is."""
    ordinal: int = 0
    """Which part of the run it is, in the order in which they were begun, from 1."""
    pid: int = 0
    ended: float = 0.0
    """Epoch seconds of its end; 0 while it is written."""
    size: int = 0
    """Bytes of its segments on disk."""
    first: float = 0.0
    """Epoch seconds of the earliest request in it; 0 when it holds none."""
    last: float = 0.0
    """Epoch seconds at which its latest event was read; 0 when it holds none."""
    positions: dict[str, str] = {}
    """Where the taps read, by side: the fan-out queue, cursor or offset with which to go on."""
    before: dict[str, int] = {}
    """What the ledgers of its writer's earlier parts say together, the deleted ones among them."""
    why: str = ""
    """Why it is ``killed`` or ``stopped``."""
    recovers: list[str] = []
    """Parts of killed taps that lack nothing any more: what they had read is in their segments, or
    was in the journal and is recorded here."""

    @property
    def base(self) -> int:
        """What is added to the numbers of its requests, so that no other part has the same."""
        return NUMBERS * self.ordinal if self.ordinal > 1 else 0

    @property
    def carried(self) -> int:
        """Requests that its writer had received before, and has recorded in its earlier parts."""
        return self.before.get("received", 0)


class Pruned(msgspec.Struct, kw_only=True):
    """Parts that were deleted to bound the disk, summed up."""

    parts: int = 0
    bytes: int = 0
    exchanges: int = 0
    """Lines that were deleted."""
    events: int = 0
    ledger: dict[str, int] = {}
    first: float = 0.0
    """Epoch seconds of the earliest request among them; 0 when there was none."""
    at: float = 0.0
    """Epoch seconds of the last deletion."""
    names: list[str] = []
    """The latest hundred or so. Who finds one of them on disk must not read it."""


class Redacted(msgspec.Struct, kw_only=True):
    """What is written as a keyed hash in place of what it was."""

    key: str = ""
    """Names the key without telling it; two runs of one key have equal hashes of equal values."""
    headers: list[str] = []
    fields: list[str] = []


class RunManifest(msgspec.Struct, kw_only=True):
    """What a run of parts says about itself as a whole."""

    format: int = RUN_FORMAT
    state: str = RECORDING
    created: float
    partitions: int = PARTITIONS
    legacy: dict[str, str] = {}
    candidate: dict[str, str] = {}
    notes: list[str] = []
    begun: int = 0
    """Parts begun so far, those that were deleted among them."""
    resumed: list[float] = []
    """Epoch seconds at which the recording was taken up again."""
    pruned: Pruned = msgspec.field(default_factory=Pruned)
    redacted: Redacted = msgspec.field(default_factory=Redacted)
    exchanges: int = 0
    """Lines in all parts that are there, counted at the end."""
    events: int = 0
    ledger: dict[str, int] = {}
    """Of all parts that are there, summed up at the end and when the run was gone on with."""

    @property
    def whole_ledger(self) -> dict[str, int]:
        """The ledger of all that this run ever received, deleted parts and all."""
        return merged((self.pruned.ledger, self.ledger))


def format_of(text: bytes) -> int:
    """Return the format that a manifest's text names; 2 if it names none.

    :raises msgspec.DecodeError: it is no manifest.
    """
    return msgspec.json.decode(text, type=_Format).format


class _Format(msgspec.Struct):
    format: int = FORMAT
