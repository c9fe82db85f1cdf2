"""Passwords and certificates that a queue URL names."""

import ssl
from pathlib import Path

from pyingest.queues.interface import QueueError, QueueUrl


def password(url: QueueUrl) -> str:
    """Return the password of *url*, or of the file that it names; empty when there is none.

    :raises QueueError: the file cannot be read.
    """
    path = url.options.password_file
    if not path:
        return url.password
    try:
        return Path(path).read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise QueueError(f"queue URL {url.shown!r}: password_file {path}: {error}") from None


def check_credentials(url: QueueUrl) -> None:
    """Read what *url* names once, so that a wrong file is said at opening.

    :raises QueueError: a file cannot be read.
    """
    password(url)
    if url.options.tls:
        tls_context(url)


def tls_context(url: QueueUrl) -> ssl.SSLContext:
    """Return what a server's certificate is checked with.

    :raises QueueError: the file of certificates cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=url.options.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise QueueError(f"queue URL {url.shown!r}: ca {url.options.ca}: {error}") from None
