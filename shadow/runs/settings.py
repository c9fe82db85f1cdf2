"""The section ``[recording]`` of ``mixmigrate.toml``: how long, how much, and what never."""

from pathlib import Path

from pyingest.serving.settings import Section
from shadow.runs.amounts import bytes_of, seconds_of
from shadow.runs.redaction import HEADERS, Asked, Redactor
from shadow.runs.retention import Keep
from shadow.runs.rotating import Rotation
from shadow.runs.secrets import default_key_file, load_key


class RecordingSettings(Section, frozen=True):
    """How a run is recorded. Sizes are written as ``20GB``, times as ``12h`` or ``7d``."""

    resume: bool = False
    """Go on with the run in the directory, if there is one."""
    rotate_bytes: str = "1GB"
    """Bytes after which a writer begins a new part; empty: never."""
    rotate_age: str = "6h"
    """Age at which it does."""
    keep_bytes: str = ""
    """What is kept of the run on disk: the oldest parts are deleted; empty: everything."""
    keep_age: str = ""
    """How old a part may become."""
    keep_free: str = "256MB"
    """What must stay free on the disk; with less, recording and mirroring end."""
    redact_headers: tuple[str, ...] = HEADERS
    """Headers whose values are written as keyed hashes."""
    redact: tuple[str, ...] = ()
    """Fields of the payload, such as ``properties.$email``, whose values are."""
    redaction_key: str = ""
    """File of the key, made if there is none; empty: ~/.config/mixmigrate/redaction.key."""

    @property
    def rotation(self) -> Rotation:
        """When a new part begins."""
        return Rotation(_bytes(self.rotate_bytes), _seconds(self.rotate_age))

    @property
    def keep(self) -> Keep:
        """How much is kept."""
        return Keep(_bytes(self.keep_bytes), _seconds(self.keep_age))

    @property
    def free_bytes(self) -> int:
        """Bytes of the disk that must stay free."""
        return _bytes(self.keep_free)

    def redactor(self) -> Redactor | None:
        """Return what hides secrets, or ``None`` if nothing is to be hidden.

        :raises RecordingError: the key cannot be read or made.
        """
        if not self.redact_headers and not self.redact:
            return None
        path = Path(self.redaction_key) if self.redaction_key else default_key_file()
        return Redactor(load_key(path), Asked(self.redact_headers, self.redact))

    def flaws(self) -> list[str]:
        """Return what is wrong with the amounts, each with its key."""
        found = []
        for name in ("rotate_bytes", "keep_bytes", "keep_free", "rotate_age", "keep_age"):
            try:
                (_seconds if name.endswith("age") else _bytes)(getattr(self, name))
            except ValueError as error:
                found.append(f"recording.{name}: {error}")
        found += (
            f"recording.redact: {path!r} names no field; write properties.$email, or $email"
            for path in self.redact
            if not path.rpartition(".")[2]
        )
        return found


def _bytes(text: str) -> int:
    return bytes_of(text) if text else 0


def _seconds(text: str) -> float:
    return seconds_of(text) if text else 0.0
