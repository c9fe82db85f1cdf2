"""What an operator decides about cleaning."""

import enum
import secrets
from collections.abc import Callable
from dataclasses import dataclass


class AddressPolicy(enum.Enum):
    """What becomes of a client's address, once the place was looked up."""

    KEEP = "keep"
    TRUNCATE = "truncate"
    """IPv4 is cut to /24, IPv6 to /48."""
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is; empty is unknown."""

    city: str = ""
    region: str = ""
    country: str = ""
    """Two letters, ISO 3166-1."""


def random_digits() -> str:
    """Return 32 random hexadecimal digits."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class CleaningSettings:
    """The options of ``clean``."""

    address: AddressPolicy = AddressPolicy.KEEP
    """For ``ip``, ``$ip`` and the envelope."""
    locate: Callable[[str], Place | None] | None = None
    """Looks up an address (IPv4 or IPv6, checked). Where there is one, ``ip`` never stays."""
    address_key: bytes = b""
    """Keys the hash that stands in for a missing person. Set one, the same for all servers:
    without it a hash of an IPv4 address can be turned back by trying them all."""
    token_length: int = 64
    """Longest token, in characters."""
    record_bytes: int = 1_048_576
    """Longest record, as compact JSON."""
    new_id: Callable[[], str] = random_digits
    """Makes what is unique in a made ``$insert_id``: at most 33 letters, digits or ``-``."""
