"""Which real clients would notice that the candidate answered otherwise, and how.

What the candidate did with the events is not known here: an answer is judged by what the client
does with it. The rules of the clients are in ``client_readers``.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from compare.clients.readers import READERS, Reader
from compare.clients.reading import Batch, Reading, Shown, refuses
from compare.clients.shapes import shape
from pyingest.message import Request, Response, header


class Effect(enum.StrEnum):
    """What a change of answer does to a client, worst first."""

    LOST = "lost batch"
    """It drops the data in silence although the answer does not say that it was stored."""
    STORM = "duplicate storm"
    """It keeps the data and sends it again although the answer says that it was stored."""
    EXCEPTION = "exception"
    ERROR = "error shown"
    RETRIES = "retries"
    """It sends the data again, as the answer deserves."""
    LOGGED = "error logged"
    SLOWER = "slower"
    ACCEPTED = "taken as stored"
    """Legacy's answer did not make it drop the data as done; the candidate's does."""
    EASED = "eased"
    """Fewer errors, tries or pauses than with legacy."""
    NOTHING = "nothing"


RANK = {effect: rank for rank, effect in enumerate(Effect)}
SHOWN = {Shown.EXCEPTION: Effect.EXCEPTION, Shown.ERROR: Effect.ERROR, Shown.LOGGED: Effect.LOGGED}
GAINS = (Effect.ACCEPTED, Effect.EASED)


@dataclass(frozen=True, slots=True)
class Notice:
    """One client for which the candidate's answer changes something."""

    client: str
    effect: Effect
    says: str


def notices(
    request: Request, legacy: Response | None, candidate: Response | None
) -> tuple[Notice, ...]:
    """Return what changes for each client that could have sent *request*, worst first.

    ``None`` is no answer at all. Clients for which nothing changes are left out.
    """
    sent = shape(request)
    found = [
        notice(reader, legacy, visible(reader, request, legacy, candidate))
        for reader in READERS
        if reader.made(sent)
    ]
    changed = [one for one in found if one.effect is not Effect.NOTHING]
    return tuple(sorted(changed, key=lambda one: RANK[one.effect]))


def worst(found: Sequence[Notice]) -> Effect:
    """Return the worst effect, ``NOTHING`` when there are no notices."""
    return min((one.effect for one in found), key=RANK.__getitem__, default=Effect.NOTHING)


def told(found: Sequence[Notice]) -> str:
    """Return one line for a report."""
    bad = [f"{one.client} ({one.effect})" for one in found if one.effect not in GAINS]
    good = [f"{one.client} ({one.effect})" for one in found if one.effect in GAINS]
    parts = [f"breaks {listed(bad)}"] * bool(bad) + [f"changes {listed(good)}"] * bool(good)
    return "; ".join(parts) or "no known client would notice"


def told_for(request: Request, found: Sequence[Notice]) -> str:
    """Return :func:`told` and the clients that could have sent *request* and notice nothing."""
    sent, noticing = shape(request), {one.client for one in found}
    names = [one.name for one in READERS if one.made(sent)]
    calm = [name for name in names if name not in noticing]
    if not names:
        return "no known client sends such a request"
    return f"{told(found)}; nothing changes for {listed(calm)}" if calm else told(found)


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def notice(reader: Reader, legacy: Response | None, candidate: Response | None) -> Notice:
    """Return what changes for one client."""
    old, new = reader.reads(legacy), reader.reads(candidate)
    says = f"{sentence(old)} after legacy's answer; {sentence(new)} after the candidate's"
    return Notice(reader.name, effect(old, new, refused=refuses(candidate)), says)


def effect(old: Reading, new: Reading, *, refused: bool) -> Effect:
    """Return how *new* is other than *old*; *refused*: the new answer owns up to a failure."""
    if old == new:
        return Effect.NOTHING
    if old.batch is new.batch:
        return louder(old, new)
    if new.batch is Batch.STORED:
        return SHOWN.get(new.shown, Effect.ACCEPTED) if new.shown > old.shown else Effect.ACCEPTED
    if new.batch is Batch.KEPT:
        return Effect.RETRIES if refused else Effect.STORM
    return Effect.LOST if new.shown < Shown.ERROR else SHOWN[new.shown]


def louder(old: Reading, new: Reading) -> Effect:
    """Return the effect when the batch fares the same."""
    if new.shown > old.shown:
        return SHOWN[new.shown]
    if new.batch is Batch.LOST and new.shown < Shown.ERROR <= old.shown:
        return Effect.LOST
    if new.tries > old.tries:
        return Effect.RETRIES
    return Effect.SLOWER if new.wait > old.wait else Effect.EASED


def sentence(reading: Reading) -> str:
    """Return a reading in words."""
    words = [reading.batch.value]
    if reading.tries > 1:
        words.append(f"after {reading.tries} tries")
    if reading.shown is not Shown.NOTHING or reading.detail:
        words.append(f"({reading.detail or 'error ' + reading.shown.name.lower()})")
    if reading.wait:
        words.append(f"and waits {reading.wait:g} s")
    return " ".join(words)


def visible(
    reader: Reader, request: Request, legacy: Response | None, candidate: Response | None
) -> Response | None:
    """Return the candidate's answer as the client sees it.

    A browser hides an answer that the page's origin may not read (Fetch standard, CORS check).
    Where legacy's could not be read either, the page is served from the same place: no check.
    """
    hidden = reader.language == "browser" and allowed(request, legacy)
    return candidate if not hidden or allowed(request, candidate) else None


def allowed(request: Request, response: Response | None) -> bool:
    """Return whether a page may read *response* to a request with credentials."""
    origin = header(request.headers, b"origin")
    if response is None or origin is None:
        return response is not None
    named = header(response.headers, b"access-control-allow-origin") == origin
    return named and header(response.headers, b"access-control-allow-credentials") == b"true"
