"""What became of a request, before it is said in a client's language."""

from dataclasses import dataclass

from pyingest.cleaning.record import Refused

NO_DATA = "data, missing or empty"
NO_BASE64 = "data, invalid base64 encoding"
NO_JSON = "data, invalid JSON"
NO_GZIP = "data, invalid gzip"
NO_OBJECT = "data, must be an object or a list of objects"
NO_TOKEN = "token, not allowed"
TOO_OLD = "time, too old for /track, use /import"
NO_PATH = "path, not found"
NO_METHOD = "method, not allowed"
NO_CODING = "content-encoding, not supported"
NO_VERSION = "HTTP version, missing"
NO_EXPECTATION = "expectation, not supported"
NO_CREDENTIAL = "Invalid credentials"
FAILED = "a temporary failure occurred"
TOO_FAST = "rate limit exceeded, retry later"
TOO_FAST_IMPORT = "Project exceeded rate limits. Please retry the request with exponential backoff."
SOME_FAILED = "some data points in the request failed validation"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing of a request is stored."""

    error: str
    status: int = 200
    """As on ``/track``: data that is no good is no error of HTTP there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One record that is not stored."""

    index: int
    """Its place in the request, from 0."""
    refused: Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client is told."""

    good: int = 0
    """Records that were taken, those among them that their client wanted ignored."""
    problems: tuple[Problem, ...] = ()
    fault: Fault | None = None

    @property
    def error(self) -> str | None:
        """The first thing that is wrong, or ``None``."""
        if self.fault is not None:
            return self.fault.error
        return self.problems[0].refused.reason if self.problems else None

    @property
    def status(self) -> int:
        """The HTTP status by the rules of ``/track``."""
        return 200 if self.fault is None else self.fault.status


def too_large(limit: int) -> Fault:
    """Return the fault of a request of more than *limit* bytes."""
    return Fault(f"request exceeds max limit of {limit} bytes", 413)


def too_many(limit: int) -> Fault:
    """Return the fault of a request of more than *limit* records."""
    return Fault(f"batch size, exceeds max of {limit}", 413)
