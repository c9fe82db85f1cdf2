"""Which path means what, and which queue takes its events. Every look-up is O(1)."""

import enum
from dataclasses import dataclass


class Endpoint(enum.Enum):
    """What a client may send to."""

    TRACK = "track"
    """Events: something happened."""
    ENGAGE = "engage"
    """Profile updates: something is known of somebody."""
    GROUPS = "groups"
    """Profile updates of companies and the like. Modern contract only."""
    IMPORT = "import"
    """Events of any age. Modern contract only."""


ENDPOINTS = {
    b"/track": Endpoint.TRACK,
    b"/track/": Endpoint.TRACK,
    b"/engage": Endpoint.ENGAGE,
    b"/engage/": Endpoint.ENGAGE,
}


@dataclass(frozen=True, slots=True)
class Routes:
    """Queue names by endpoint."""

    track: str = "events"
    engage: str = "profiles"
    groups: str = ""
    """Empty: the one of ``engage``."""
    imports: str = ""
    """Empty: the one of ``track``."""

    def queue(self, endpoint: Endpoint) -> str:
        """Return the name of the queue that takes what comes to *endpoint*."""
        match endpoint:
            case Endpoint.TRACK:
                return self.track
            case Endpoint.ENGAGE:
                return self.engage
            case Endpoint.GROUPS:
                return self.groups or self.engage
            case Endpoint.IMPORT:
                return self.imports or self.track
