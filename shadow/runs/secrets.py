"""The key of the hashes that stand for secrets: kept outside the run, for its owner alone."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from shadow.runs.manifest import RecordingError
from shadow.runs.private import FILE, make_directory

KEY_BYTES = 32
HEX = 32
"""Hexadecimal digits of a hash: 128 bits, so that equal hashes mean equal values."""
MARK = "redacted:"


class Key:
    """Hashes values: HMAC-SHA256 (RFC 2104), cut to 128 bits."""

    def __init__(self, secret: bytes) -> None:
        self._state = hmac.new(secret, digestmod=sha256)
        self.name = self.of(b"which key is this?").removeprefix(MARK)[:8]
        """Names the key without telling it."""

    def of(self, value: bytes) -> str:
        """Return what is written in place of *value*: the same for the same value."""
        state = self._state.copy()
        state.update(value)
        return MARK + state.hexdigest()[:HEX]


def default_key_file() -> Path:
    """Return where the key is kept unless somebody says otherwise."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "mixmigrate" / "redaction.key"


def load_key(path: Path) -> Key:
    """Return the key in the file *path*, which is made if there is none.

    :raises RecordingError: it cannot be read or made, holds no key, or others can read it.
    """
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii").strip()
        mode = path.stat().st_mode & 0o777
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(
            f"{path}: no key for redaction there: {error}; name a file that may be read or made "
            "as redaction_key in [recording]"
        ) from None
    if mode & 0o077:
        raise RecordingError(f"{path}: others can read this key; chmod 600 {path}")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < KEY_BYTES:
        raise RecordingError(f"{path}: holds no key of {KEY_BYTES} bytes in hexadecimal digits")
    return Key(secret)


def _make(path: Path) -> None:
    """Write a new key, unless another process is quicker."""
    if not path.parent.exists():
        make_directory(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE)
    try:
        os.fchmod(file, FILE)
        os.write(file, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    try:
        os.link(partial, path)  # fails where one is there, so that all use the first
    except FileExistsError:
        pass
    finally:
        partial.unlink()
