"""What a client of the echo test says on its connection, piece by piece."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Conversation:
    """Requests that are sent together, and how their bytes are cut."""

    kind: str
    """What is odd about it, for the report: ``captured``, ``chunked``, ``split`` ..."""
    requests: tuple[bytes, ...]
    """Each as it stands on the wire."""
    cuts: tuple[int, ...] = ()
    """Where the bytes are cut into pieces that are sent one by one."""
    waits: bool = False
    """Whether the client waits for ``100 Continue`` at its first cut."""

    def pieces(self) -> list[bytes]:
        """Return the bytes in the pieces in which they are sent."""
        whole = b"".join(self.requests)
        bounds = [0, *self.cuts, len(whole)]
        return [whole[a:b] for a, b in pairwise(bounds) if a < b]
