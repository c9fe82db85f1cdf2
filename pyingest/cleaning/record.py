"""What goes into the cleaning of one record, and what comes out."""

from dataclasses import dataclass, field

from pyingest.routing import Endpoint


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known besides the record itself."""

    endpoint: Endpoint
    now: float
    """Time of receipt, in epoch seconds."""
    address: str = ""
    """The client's address, after trusted fronts were looked through."""
    use_address: bool = False
    """Whether the request said ``ip=1``."""
    strict: bool = False
    """Whether the request asked for each record to be judged (``strict=1``)."""
    project: str = ""
    """The project that the credential names; for records that hold no token of their own."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A record that may be stored."""

    body: bytes
    """The message for the queue: JSON text in UTF-8."""
    token: str
    key: bytes
    """What keeps a person's events in order: ``token:distinct_id``."""
    id: bytes = b""
    """For idempotent publishing; empty if the client gave none (then nothing is taken twice)."""
    notes: tuple[str, ...] = ()
    """Names of the rules that changed something, for the counts."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that may not be stored."""

    reason: str
    """What a client of the old reply hears, for example ``token, missing or empty``."""
    field: str = ""
    """For a strict reply: where, for example ``properties.time``."""
    message: str = ""
    """For a strict reply: what is wrong, in a sentence."""
    insert_id: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that its client asked to be ignored: counts as good, is not stored."""

    why: str
    token: str = ""
    notes: tuple[str, ...] = field(default=())
