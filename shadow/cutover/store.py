"""The cutover's directory: the present state in ``stage.json``, all that ever were in the history.

``stage.json`` is replaced whole, under a lock, and only by who knows the present epoch: of two that
change it at once the first wins, and the other is told. ``history.jsonl`` only grows; each line is
a whole state, so that one that a crash kept out of it is put back by the next change.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from shadow.cutover.stage import State

STAGE, HISTORY, LOCK = "stage.json", "history.jsonl", "lock"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(State).decode


class StoreError(Exception):
    """The directory holds no cutover, or cannot be read or written. The text says what to do."""


class Late(StoreError):
    """The state is not any more the one that was to be changed; ``state`` is the present one."""

    def __init__(self, state: State) -> None:
        super().__init__(
            f"{state.who} was first: {state.what}, {state.stage} since epoch {state.epoch}; "
            "look at `mixmigrate cutover status`, then decide again"
        )
        self.state = state


class Busy(StoreError):
    """Somebody else is changing the state at this moment."""


class Store:
    """One cutover's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / STAGE

    def plan(self, state: State) -> None:
        """Begin a cutover here.

        :raises StoreError: there is one already, or the directory cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                if self.path.exists():
                    raise StoreError(f"{self.directory}: holds a cutover already")
                self._write(state)
        except OSError as error:
            raise StoreError(f"{self.directory}: {error.strerror}") from None

    def read(self) -> State:
        """Return the present state.

        :raises StoreError: there is none, or it cannot be read.
        """
        try:
            return _decode(self.path.read_bytes())
        except FileNotFoundError:
            raise StoreError(
                f"{self.directory}: holds no cutover; begin with `mixmigrate cutover plan`"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from None
        except (msgspec.DecodeError, ValueError) as error:
            raise StoreError(
                f"{self.path}: not a stage of a cutover: {error}; "
                "`mixmigrate cutover rollback` works nevertheless, and mends it"
            ) from None

    def change(self, expected: int, make: Callable[[State], State], wait: bool = True) -> State:
        """Replace the state of epoch *expected* by what *make* gives for it; return the new one.

        :param wait: for others who are changing it, for as long as they take.
        :raises Late: somebody else has changed it since.
        :raises Busy: somebody is changing it, and *wait* is false.
        :raises StoreError: it cannot be read or written.
        """
        try:
            with self._locked(wait):
                state = self.read()
                if state.epoch != expected:
                    raise Late(state)
                self._mend(state)
                changed = make(state)
                self._write(changed)
                return changed
        except OSError as error:
            raise StoreError(f"{self.directory}: {error.strerror}") from None

    def roll_back(self, make: Callable[[State], State]) -> State:
        """Replace whatever the state is by what *make* gives for it; return the new one.

        Where ``stage.json`` is damaged or gone, the history tells what was there.

        :raises StoreError: there is no cutover, or it cannot be written.
        """
        try:
            if not self.history():
                self.read()
            with self._locked():
                changed = make(self._known())
                self._write(changed)
                return changed
        except OSError as error:
            raise StoreError(f"{self.directory}: {error.strerror}") from None

    def _known(self) -> State:
        """Return the present state, or the best that the history has in its place."""
        try:
            state = self.read()
        except StoreError:
            if not (known := self.history()):
                raise
            # A crash may have kept the last state out of the history: proxies may have it.
            return msgspec.structs.replace(known[-1], epoch=max(one.epoch for one in known) + 1)
        self._mend(state)
        return state

    def history(self) -> list[State]:
        """Return all states from the first one on; a line that cannot be read is left out."""
        found = []
        try:
            lines = (self.directory / HISTORY).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                found.append(_decode(line))
            except (msgspec.DecodeError, ValueError):
                continue
        return found

    def _write(self, state: State) -> None:
        replaced(self.path, msgspec.json.format(_encode(state)) + b"\n")
        self._append(state)

    def _append(self, state: State) -> None:
        with (self.directory / HISTORY).open("ab+") as history:
            if history.tell() and _last_byte(history) != b"\n":
                history.write(b"\n")  # a crash cut the last line short
            history.write(_encode(state) + b"\n")
            history.flush()
            os.fsync(history.fileno())

    def _mend(self, state: State) -> None:
        """Put a state into the history that a crash kept out of it."""
        known = self.history()
        if not known or known[-1].epoch < state.epoch:
            self._append(state)

    @contextmanager
    def _locked(self, wait: bool = True) -> Iterator[None]:
        with (self.directory / LOCK).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise Busy(f"{self.directory}: somebody else is changing the stage") from None
            yield


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def replaced(path: Path, data: bytes, safely: bool = True) -> None:
    """Write *data* to *path* so that a reader finds either what was there or all of it.

    :param safely: also that a power cut leaves one of the two.
    :raises OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        if safely:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
