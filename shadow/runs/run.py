"""A run of parts: made, taken up again, given parts, closed.

One process owns a run (``Run.create``, ``Run.resume``); it and its children add parts to it
(``Run.open``). Locks of the kernel (``flock``) say who is at work: they end with their process.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from shadow.ledger import merged
from shadow.recording import RunWriter
from shadow.runs.background import Hand
from shadow.runs.burial import bury
from shadow.runs.manifest import (
    COMPLETE,
    PREPARED,
    RECORDING,
    RUN_FORMAT,
    PartManifest,
    RecordingError,
    Redacted,
    RunManifest,
)
from shadow.runs.private import FILE, make_directory, take_directory, write_whole
from shadow.runs.redaction import Redactor
from shadow.runs.room import Room
from shadow.runs.union import NAME, PARTS, decoded, format_in, names, part_manifest

OWNER, LOCK = ".owner", ".lock"
"""Files that are locked: by the one process that records here, and for a change to the manifest."""


class Run:
    """A run of parts that is being recorded."""

    def __init__(
        self, directory: Path, owner: int | None = None, redactor: Redactor | None = None
    ) -> None:
        self.directory = directory
        self._owner = owner
        self._redactor = redactor

    @classmethod
    def create(
        cls, directory: Path, manifest: RunManifest, redactor: Redactor | None = None
    ) -> "Run":
        """Begin a run, and own it.

        :param redactor: hides secrets in all that is recorded.
        :raises RecordingError: the directory is not empty, or cannot be written.
        """
        try:
            if not take_directory(directory):
                raise RecordingError(f"{directory}: not empty; {_advice(directory)}")
            make_directory(directory / PARTS)
            run = cls(directory, _owned(directory), redactor)
            run._write(msgspec.structs.replace(manifest, redacted=_told(redactor)))
        except OSError as error:
            raise RecordingError(
                f"{directory}: cannot write a run here: {error.strerror or error}; name another "
                "directory, one that is empty or not there yet"
            ) from None
        return run

    @classmethod
    def resume(
        cls,
        directory: Path,
        manifest: RunManifest,
        received: Mapping[str, int] | None = None,
        redactor: Redactor | None = None,
    ) -> "Run":
        """Go on with a run that has ended or was killed, and own it; see :meth:`bury_dead`.

        :param manifest: what is to be run: it must be what was run before.
        :raises RecordingError: there is no such run, somebody records there, or it is of another
            service, queue or build, or hides other things or by another key.
        """
        if format_in(directory) != RUN_FORMAT:
            raise RecordingError(
                f"{directory}: recorded without parts, so it cannot be gone on with; "
                "name another directory for --run"
            )
        run = cls(directory, _owned(directory), redactor)
        try:
            known = run.manifest
            _same(directory, known, manifest)
            _same_hiding(directory, known, redactor)
            run.bury_dead(received)
            with run.changing() as changed:
                total(changed, directory)
                changed.state = RECORDING
                changed.notes += [note for note in manifest.notes if note not in changed.notes]
                changed.resumed.append(manifest.created)
        except BaseException:
            run.let_go()
            raise
        return run

    @classmethod
    def open(cls, directory: Path, redactor: Redactor | None = None) -> "Run":
        """Return a run that another process owns, to add parts to it.

        :raises RecordingError: there is no run of parts.
        """
        if format_in(directory) != RUN_FORMAT:
            raise RecordingError(f"{directory}: recorded without parts")
        return cls(directory, redactor=redactor)

    @property
    def manifest(self) -> RunManifest:
        """What the run says of itself, read anew.

        :raises RecordingError: it cannot be read.
        """
        try:
            return decoded(self.directory, (self.directory / NAME).read_bytes(), RunManifest)
        except OSError as error:
            raise RecordingError(f"{self.directory / NAME}: {error}") from None

    @contextmanager
    def changing(self) -> Iterator[RunManifest]:
        """Give the manifest, and write it when it was changed; one process at a time.

        :raises RecordingError: it cannot be read or written.
        """
        file = None
        try:
            file = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT, FILE)
            fcntl.flock(file, fcntl.LOCK_EX)
            manifest = self.manifest
            yield manifest
            self._write(manifest)
        except OSError as error:
            raise RecordingError(f"{self.directory}: {error}") from None
        finally:
            if file is not None:
                os.close(file)

    def part(
        self,
        name: str,
        hand: Hand | None = None,
        positions: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        room: Room | None = None,
        state: str = RECORDING,
    ) -> RunWriter:
        """Begin a new part, which *name* writes: ``proxy-0``, ``tap``.

        :param hand: does the work on the disk; without one, it is done at once.
        :param positions: where the taps read, by side; kept so that another can go on there.
        :param clock: gives epoch seconds.
        :param room: says when the disk is nearly full.
        :param state: ``prepared`` for a part that is not begun yet; see :meth:`RunWriter.begin`.
        :raises RecordingError: it cannot be written, or would hold what the run hides.
        """
        with self.changing() as run:
            _same_hiding(self.directory, run, self._redactor)
            run.begun += 1
        manifest = PartManifest(
            state=state,
            name=f"{name}.{run.begun:04d}",
            ordinal=run.begun,
            pid=os.getpid(),
            created=clock(),
            partitions=run.partitions,
            legacy=run.legacy,
            candidate=run.candidate,
            positions=dict(positions or {}),
        )
        place = self.directory / PARTS / manifest.name
        writer = RunWriter(place, manifest, hand, self._redactor, room)
        writer.hold()
        return writer

    def bury_dead(self, received: Mapping[str, int] | None = None) -> list[PartManifest]:
        """Close what killed writers left: count what is there, and what is lost.

        :param received: by a writer's name (``proxy-0``), the requests that it had received by
            its last status, since it began.
        :returns: the manifests of the parts that were closed.
        :raises RecordingError: one is still being written, or cannot be.
        """
        buried = []
        for name in self._unfinished():
            told = (received or {}).get(name.rpartition(".")[0])
            buried.append(bury(self.directory, name, told))
        return buried

    def bury(self, name: str, received: int | None = None, why: str = "") -> PartManifest | None:
        """Close the part that the killed writer *name* (``proxy-0``) left, if it left one."""
        for part in self._unfinished():
            if part.rpartition(".")[0] == name:
                return bury(self.directory, part, received, why)
        return None

    def positions(self, name: str) -> dict[str, str]:
        """Return where the taps of the last part of *name* read, to go on there."""
        found = [
            part_manifest(self.directory / PARTS / part)
            for part in names(self.directory)
            if part.rpartition(".")[0] == name
        ]
        last = max(found, key=lambda manifest: manifest.ordinal, default=None)
        return dict(last.positions) if last is not None else {}

    def close(self) -> None:
        """Declare the run complete: no more parts will come. What its parts say, they say.

        What writers left that could not close their parts is counted first.

        :raises RecordingError: it cannot be written.
        """
        for name in self._unfinished():
            with suppress(RecordingError):  # it stays what it is: not complete
                bury(self.directory, name)
        for name in self._in_state(PREPARED):  # its writer was killed before it came to that
            shutil.rmtree(self.directory / PARTS / name, ignore_errors=True)
        with self.changing() as manifest:
            total(manifest, self.directory)
            manifest.state = COMPLETE
        self.let_go()

    def discard(self) -> None:
        """Take the run back while nothing is recorded: its directory can be used again."""
        for name in (NAME, LOCK, OWNER):
            (self.directory / name).unlink(missing_ok=True)
        shutil.rmtree(self.directory / PARTS, ignore_errors=True)
        self.let_go()

    def _unfinished(self) -> list[str]:
        """Return the names of the parts that are not closed."""
        return self._in_state(RECORDING)

    def _in_state(self, state: str) -> list[str]:
        found = []
        for name in names(self.directory):
            with suppress(FileNotFoundError):
                if part_manifest(self.directory / PARTS / name).state == state:
                    found.append(name)
        return found

    def let_go(self) -> None:
        """Own the run no longer; another process may."""
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def _write(self, manifest: RunManifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        write_whole(self.directory / NAME, text, lasting=manifest.state == COMPLETE)


def total(manifest: RunManifest, directory: Path) -> None:
    """Put the sums over all parts that are there into the run's *manifest*."""
    parts = []
    for name in names(directory):
        if name not in manifest.pruned.names:
            with suppress(FileNotFoundError):
                parts.append(part_manifest(directory / PARTS / name))
    manifest.exchanges = sum(sum(part.exchanges) for part in parts)
    manifest.events = sum(sum(part.events) for part in parts)
    manifest.ledger = merged(part.ledger for part in parts)


def is_recorded(directory: Path) -> bool:
    """Say whether a process owns the run in *directory*: whether it is being recorded now."""
    try:
        file = os.open(directory / OWNER, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _owned(directory: Path) -> int:
    file = os.open(directory / OWNER, os.O_RDWR | os.O_CREAT, FILE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise RecordingError(
            f"{directory}: another process records here; end it first, or name another directory"
        ) from None
    return file


def _advice(directory: Path) -> str:
    with suppress(RecordingError):
        if format_in(directory) == RUN_FORMAT:
            return "it holds a run: --resume goes on with it; else name another directory"
    return "a run needs a directory of its own, name another"


def _told(redactor: Redactor | None) -> Redacted:
    return Redacted() if redactor is None else redactor.told


def _same_hiding(directory: Path, known: RunManifest, redactor: Redactor | None) -> None:
    if known.redacted != _told(redactor):
        raise RecordingError(
            f"{directory}: recorded with other redaction ({known.redacted}) than asked for now "
            f"({_told(redactor)}): give the same key, headers and fields, or name another directory"
        )


def _same(directory: Path, known: RunManifest, asked: RunManifest) -> None:
    for side in ("legacy", "candidate"):
        was, now = getattr(known, side), getattr(asked, side)
        for name in dict.fromkeys((*was, *now)):
            if was.get(name, "") != now.get(name, ""):
                raise RecordingError(
                    f"{directory}: recorded with {side}'s {name} {was.get(name, '')!r}, "
                    f"now it is {now.get(name, '')!r}: that is another run, name a directory for it"
                )
