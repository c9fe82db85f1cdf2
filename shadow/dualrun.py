"""The rules of one dual run, without any I/O: told what happened, it says what to do.

The client hears the owner of its request and nothing else. The other side's copy leaves after the
owner's answer has gone out, so nothing about it can reach the client, its delay included.
"""

from msgspec import Struct

from shadow.exchange import Exchange, Failed, Failure, NotMirrored, Outcome, Reason, Side
from shadow.relaying.raw import RawAnswer, RawRequest
from shadow.routing import Route

Ended = RawAnswer | Failed
"""What became of a request at one side."""


class DualRun(Struct, eq=False, gc=False):
    """One request on its way: to its owner, and then perhaps to the other side."""

    number: int
    request: RawRequest
    route: Route
    skip: Reason | None = None
    """Why the other side gets no copy, as far as is known yet."""
    refused: Failed | None = None
    """How the candidate failed whose request this was, if legacy got it instead."""
    _owner: Ended | None = None
    _copy: Ended | NotMirrored | None = None

    def __post_init__(self) -> None:
        """Take over what is known of the copy from the start."""
        self.skip = self.route.skip if self.request.whole else Reason.TOO_LARGE

    @property
    def weight(self) -> int:
        """Bytes of memory that are held for this run while it waits."""
        held = self.request.weight
        return held + len(self._owner.data) if isinstance(self._owner, RawAnswer) else held

    def hand_over(self, failed: Failed) -> bool:
        """Give a request of the candidate's to legacy, if that is safe; return whether it is.

        It is when no connection was made: not a byte was sent, so it cannot be carried out twice.
        """
        whole, kind = self.request.whole, failed.kind
        if self.route.owner is Side.LEGACY or kind is not Failure.REFUSED or not whole:
            return False
        self.refused, self.route = failed, Route()
        return True

    def owner_ended(self, ended: Ended) -> None:
        """Take what became of the request at its owner; only then may the copy leave.

        :raises ValueError: it has ended already.
        """
        if self._owner is not None:
            raise ValueError(f"the owner ended request {self.number} twice")
        self._owner = ended
        if isinstance(ended, RawAnswer) and not ended.kept:
            self.skip = self.skip or Reason.TOO_LARGE

    def copy_ended(self, ended: Ended | NotMirrored) -> None:
        """Take what became of the copy, or why there was none: the run is over.

        :raises ValueError: the owner has not ended yet, or the copy has ended already.
        """
        if self._owner is None or self._copy is not None:
            raise ValueError(f"the copy of request {self.number} cannot end now")
        self._copy = ended

    def exchange(self) -> Exchange:
        """Return the record of a run that is over.

        :raises ValueError: it is not.
        """
        if self._owner is None or self._copy is None:
            raise ValueError(f"request {self.number} has not ended")
        raw, mine = self.request, self.route.owner
        owner, other = recorded(self._owner), _told(self._copy)
        legacy, candidate = (owner, other) if mine is Side.LEGACY else (other, owner)
        handed_over = self.refused is not None
        return Exchange(self.number, raw.at, raw.request, legacy, candidate, mine, handed_over)


def recorded(ended: Ended) -> Outcome:
    """Return the record of what became of a request."""
    return ended if isinstance(ended, Failed) else ended.outcome


def _told(ended: Ended | NotMirrored) -> Outcome | NotMirrored:
    return ended if isinstance(ended, NotMirrored) else recorded(ended)
