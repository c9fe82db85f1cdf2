"""One record while it is being cleaned: what the rules read and write."""

from dataclasses import dataclass, field

from pyingest.cleaning.record import Circumstances, Dropped, Refused
from pyingest.cleaning.settings import CleaningSettings
from pyingest.wire.term import Object, Term

Outcome = Refused | Dropped | None
"""What a rule says: ``None`` lets the record go on to the next."""


@dataclass(slots=True)
class Draft:
    """A record's own copy, and what was found out about it."""

    circumstances: Circumstances
    settings: CleaningSettings
    original: dict[str, Term] | Object
    """The record as it came."""
    record: dict[str, Term]
    """The record's top level, in values that can be written."""
    fields: dict[str, Term]
    """An event's properties, or the whole of an update."""
    text: bytes = b""
    """The record as it came, as compact JSON."""
    where: str = ""
    """How a strict reply calls a field of ``fields``: ``properties.`` comes before its name."""
    sign: str = ""
    """What comes before ``token``, ``distinct_id``, ``time`` and ``ip``: ``$`` in an update."""
    name: str = ""
    """The event's name."""
    token: str = ""
    person: str = ""
    """Whom the record speaks of: the end of its ordering key."""
    insert_id: str = ""
    """The client's own, or empty."""
    said: Term = None
    """The time that the client gave, in seconds where it could be read."""
    special: bool = False
    """Whether the event joins identities and needs neither time nor ``$insert_id``."""
    beside: dict[str, Term] = field(default_factory=dict)
    """What goes into the envelope because of a rule."""
    notes: list[str] = field(default_factory=list)
    """Names of the rules that changed something."""

    def refused(
        self, reason: str, name: str = "", wrong: str = "", *, quoted: bool = True
    ) -> Refused:
        """Return a refusal: *reason* for the old reply, field *name* and what is *wrong* for a
        strict one.
        """
        place = self.where + name if name else ""
        mark = "'" if quoted else ""
        message = f"{mark}{place}{mark} is invalid: {wrong}" if place else wrong or reason
        insert_id = self.insert_id or self._shown("$insert_id")
        token = self.token or self._shown(self.sign + "token") or self.circumstances.project
        return Refused(reason, place, message, insert_id, token)

    def _shown(self, name: str) -> str:
        """Return the field *name* as the client gave it, for a person to read."""
        found = self.fields.get(name)
        return found[:255] if isinstance(found, str) else ""
