"""A payload to its records, as terms."""

from dataclasses import dataclass

from pyingest.clean import is_object
from pyingest.contract.outcome import NO_DATA, NO_JSON, NO_OBJECT, Fault, too_many
from pyingest.contract.payload import Payload, Syntax, opened, stripped
from pyingest.contract.settings import ContractSettings
from pyingest.wire.term import Term, Unreadable


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no JSON."""

    text: bytes


_LINES_A_RECORD = 4
Records = list[Term | BadLine]


def records(payload: Payload, settings: ContractSettings) -> Records | Fault:
    """Return the records of *payload*, or what is wrong with it as a whole."""
    if payload.fault is not None:
        return payload.fault
    text: bytes | Fault = payload.raw
    if payload.syntax is Syntax.FIELD:
        text = opened(payload.raw, settings.limits.body)
    if isinstance(text, Fault):
        return text
    if payload.syntax is Syntax.LINES and not text.startswith(b"["):
        return _counted(_of_lines(text, settings), settings)
    return _of_text(text, settings)


def _of_text(text: bytes, settings: ContractSettings) -> Records | Fault:
    term = settings.decode(text)
    if isinstance(term, list):
        return _counted(term, settings)
    if is_object(term):
        return [term]
    if isinstance(term, Unreadable):
        # One object a line, under another name. A text that is cut short has one object at most.
        first, _, rest = stripped(text).partition(b"\n")
        if rest and is_object(settings.decode(first)):
            return _counted(_of_lines(text, settings), settings)
        return Fault(NO_JSON) if stripped(text) else Fault(NO_DATA)
    return Fault(NO_DATA) if term == "" else Fault(NO_OBJECT)


def _of_lines(text: bytes, settings: ContractSettings) -> Records | Fault:
    most = settings.limits.records
    # Blank lines are no records, but ten million of them would take their time.
    found = text.split(b"\n", _LINES_A_RECORD * most)
    lines = [line for line in map(stripped, found) if line]
    if len(lines) > most or len(found) > _LINES_A_RECORD * most:
        return too_many(most)
    return [_of_line(line, settings) for line in lines]


def _of_line(line: bytes, settings: ContractSettings) -> Term | BadLine:
    term = settings.decode(line)
    return BadLine(line) if isinstance(term, Unreadable) else term


def _counted(found: Records | Fault, settings: ContractSettings) -> Records | Fault:
    if isinstance(found, Fault):
        return found
    if len(found) > settings.limits.records:
        return too_many(settings.limits.records)
    return found or Fault(NO_DATA)
