"""The rules of one dual run, without any I/O: told what happened, it says what to do.

The client hears legacy and nothing else; the candidate's copy leaves after legacy's answer has
gone out, so nothing about the candidate can reach the client, its delay included.
"""

from dataclasses import dataclass

from pyingest.message import Request
from shadow.exchange import Exchange, NotMirrored, Outcome, Reason, Side


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request to one side."""

    side: Side


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the client with what legacy did."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Record:
    """Keep the exchange: it is complete."""

    exchange: Exchange


Command = Send | Reply | Record


class DualRun:
    """One request on its way through both services.

    *skip* says why the candidate is not to have it, if that is known before.
    """

    def __init__(self, number: int, at: float, request: Request, skip: Reason | None) -> None:
        self.request = request
        self._number = number
        self._at = at
        self._skip = skip
        self._legacy: Outcome | None = None
        self._ended = False

    def begin(self) -> list[Command]:
        """Return what starts the run."""
        return [Send(Side.LEGACY)]

    def legacy_ended(self, outcome: Outcome) -> list[Command]:
        """Take legacy's outcome: answer the client, and only then turn to the candidate.

        :raises ValueError: legacy has ended already.
        """
        if self._legacy is not None:
            raise ValueError(f"legacy ended request {self._number} twice")
        self._legacy = outcome
        if self._skip is not None:
            return [Reply(outcome), *self.candidate_ended(NotMirrored(self._skip))]
        return [Reply(outcome), Send(Side.CANDIDATE)]

    def candidate_ended(self, outcome: Outcome | NotMirrored) -> list[Command]:
        """Take the candidate's outcome, or why it had none.

        :raises ValueError: legacy has not ended yet, or the candidate has ended already.
        """
        if self._legacy is None or self._ended:
            raise ValueError(f"the candidate cannot end request {self._number} now")
        self._ended = True
        exchange = Exchange(self._number, self._at, self.request, self._legacy, outcome)
        return [Record(exchange)]
