"""When something happened: C1-C5 for events, C27 for updates."""

import re
from datetime import UTC, datetime

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.wire.term import Term

MILLISECONDS = 10**11
MICROSECONDS = 10**14
YEAR_1971 = 31_536_000
HOUR = 3600

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_SECONDS = "must be specified as seconds since epoch"


def seconds(term: Term) -> int | float | None:
    """Return a time as epoch seconds; ``None`` for what is no number, nor the text of one."""
    if type(term) is str:
        text = term.strip()
        if not _NUMBER.fullmatch(text):
            return None
        term = float(text) if "." in text else int(text)
    if type(term) is not int and (type(term) is not float or term - term != 0):
        return None
    if term < MILLISECONDS:
        return term
    unit = 1000 if term < MICROSECONDS else 1_000_000
    whole, rest = divmod(term, unit)
    # Beyond the year three million nothing is lost, and nothing can overflow.
    return term / unit if rest and whole < MICROSECONDS else int(whole)


def from_iso(term: Term) -> int | float | None:
    """Return the epoch seconds of a date in ISO 8601; without a zone it is UTC."""
    if type(term) is not str or not 8 <= len(term) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(term.strip())
        stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return int(stamp) if stamp == int(stamp) else stamp


def time_in_seconds(draft: Draft) -> Outcome:
    """C1. ``time`` is a number of seconds; from 1e11 on it is milliseconds, from 1e14 on
    microseconds. The text of a number counts.

    Source: the vendor's reference; Python, PHP and browsers send float seconds, Ruby, Java, Go and
    Node milliseconds.
    """
    name = draft.sign + "time"
    found = draft.fields.get(name)
    if found is None:
        return None
    stamp = draft.said = seconds(found)
    if stamp is not None:
        if stamp is not found and (stamp != found or type(stamp) is not type(found)):
            draft.notes.append("time_in_seconds")
        draft.fields[name] = stamp
    return None


def time_of_receipt(draft: Draft) -> Outcome:
    """C2. Without ``time``, the time of receipt is put in; strict: refused.

    Source: the vendor's reference.
    """
    name = draft.sign + "time"
    if draft.fields.get(name) is not None:
        return None
    if draft.circumstances.strict and not draft.special and not draft.sign:
        return draft.refused("time, missing", name, "must not be missing")
    draft.fields[name] = draft.circumstances.now
    draft.notes.append("time_of_receipt")
    return None


def unusable_time(draft: Draft) -> Outcome:
    """C5. A ``time`` that is none is refused (strict), or the time of receipt takes its place and
    it goes into the envelope. A date in ISO 8601 is taken (not strict).

    Source: the vendor's reference; lenient replies and ISO 8601 are our choice.
    """
    name = draft.sign + "time"
    found = draft.fields.get(name)
    if draft.said is not None or found is None:
        return None
    if draft.circumstances.strict:
        return draft.refused("time, invalid", name, _SECONDS)
    stamp = draft.said = from_iso(found)
    if stamp is None:
        draft.beside["time"] = found
    draft.fields[name] = draft.circumstances.now if stamp is None else stamp
    draft.notes.append("unusable_time" if stamp is None else "time_in_seconds")
    return None


def future_time(draft: Draft) -> Outcome:
    """C3. A ``time`` still to come becomes now; strict: more than an hour ahead is refused.

    Source: the vendor's reference; the strict message as reported.
    """
    name, here = draft.sign + "time", draft.circumstances
    stamp = draft.fields[name]
    if stamp <= here.now:
        return None
    if here.strict:
        if stamp <= here.now + HOUR:
            return None
        return draft.refused("time, in the future", name, "must not be in the future")
    draft.fields[name] = here.now
    draft.notes.append("future_time")
    return None


def time_before_1971(draft: Draft) -> Outcome:
    """C4. A ``time`` before 1971-01-01 is refused (strict) or kept.

    Source: the vendor's reference; keeping it is our choice.
    """
    name = draft.sign + "time"
    if draft.fields[name] >= YEAR_1971:
        return None
    draft.notes.append("time_before_1971")
    if draft.circumstances.strict:
        return draft.refused("time, before 1971", name, _SECONDS)
    return None


def profile_time(draft: Draft) -> Outcome:
    """C27. ``$time`` of an update is cleaned as ``time`` is (C1 to C5), and may be missing.

    Consumers apply updates in its order.

    Source: the vendor's reference; Java, Ruby and Swift send milliseconds, Python and PHP float
    seconds.
    """
    for step in TIME_STEPS:
        outcome = step(draft)
        if outcome is not None:
            return outcome
    return None


TIME_STEPS = (time_in_seconds, unusable_time, time_of_receipt, future_time, time_before_1971)
