"""Which oddity of a request is to blame: the request is read again, step by step, by both sides.

That a request holds an oddity proves nothing. What proves something is that the side which
refused it fails at a step, and no longer fails once the oddity, and nothing else, is taken out.
Two oddities are blamed together only if taking out either alone is not enough.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

from compare.differing.difference import Difference, Kind
from compare.quirks.payload import Payload, is_base64
from compare.quirks.quirk import Evidence, Quirk, Stage
from compare.stages.requests import has_repeats
from pyingest.clean import engage_problem, track_problem
from pyingest.ingest import NO_OBJECT
from pyingest.routing import Endpoint
from pyingest.wire.profile import MOCHIWEB, STRICT, Profile
from pyingest.wire.term import Object, Term, Unreadable

MOST = 2
"""Quirks that are blamed together at most; with three it is better to look."""

_OUTSIDE_OF_MODEL = ("base64 blanks", "deep nesting")
"""Quirks of ports other than the strict profile: blamed for being there if nothing else is."""


def blamed(evidence: Evidence, quirks: Iterable[Quirk]) -> tuple[Quirk, ...]:
    """Return the one or two *quirks* that explain a difference; none if it is unknown.

    Only quirks with a ``stage`` are looked at.
    """
    payload = evidence.payload
    if payload is None:
        return ()
    if evidence.difference.kind is Kind.MISSING and evidence.queued:
        # The candidate has read the text, so that only the event itself can be to blame.
        quirks = [quirk for quirk in quirks if quirk.stage is Stage.FIELDS]
    # Whether a key comes twice is dear to know, and asked only where it matters.
    present = tuple(
        quirk
        for quirk in quirks
        if quirk.stage is Stage.FIELDS or (quirk.stage and quirk.explains(evidence))
    )
    if evidence.difference.kind is Kind.HEADER and not _has_other_answer(payload):
        return ()
    return _walked(payload, present, _refuser(evidence.difference), evidence.queued > 0)


@lru_cache(maxsize=4)  # a large batch may differ in each of its events
def _walked(
    payload: Payload, present: tuple[Quirk, ...], refuser: Profile | None, has_others: bool
) -> tuple[Quirk, ...]:
    walk = _Walk(payload, present, refuser, has_others)
    walk.go()
    if walk.is_lost or len(walk.found) > MOST:
        return ()
    if not walk.found and refuser is not None:
        return tuple(quirk for quirk in present if quirk.name in _OUTSIDE_OF_MODEL)[:1]
    return tuple(walk.found)


@dataclass(slots=True)
class _Walk:
    """One reading of a request by both sides, until they agree or nothing explains why not."""

    payload: Payload
    present: tuple[Quirk, ...]
    refuser: Profile | None
    """The side that did not take the request; ``None`` if both or neither did."""
    has_others: bool
    """Whether the candidate queued other events of the request."""
    found: list[Quirk] = field(default_factory=list)
    is_lost: bool = False
    """Whether there is a step at which no quirk helps."""

    def go(self) -> None:
        """Fill in what is found."""
        data = self._data()
        if self.is_lost or not data or self._is_done():
            return
        if is_base64(data):
            data = self._repaired(Stage.BASE64, data, lambda side, d: side.base64(d) is not None)
            if self.is_lost or self._is_done():
                return
            data = self._decoded(data)
        # Where both refuse it, what matters is how far each comes.
        text = self._repaired(Stage.JSON, data, _reads if self.refuser else _decodes)
        if self.is_lost or self._is_done():
            return
        self._look_at_fields(text)

    def _look_at_fields(self, text: bytes) -> None:
        """Blame a repeated key where an event stands or falls with it, or becomes another one."""
        legacy, candidate = (checked(self.payload, side, text) for side in (MOCHIWEB, STRICT))
        differs = [one.problem for one in legacy] != [one.problem for one in candidate]
        # What pairs with nothing since it became another event is lost on one side and too much
        # on the other; where nothing is too much, it was dropped for another reason.
        has_moved = legacy != candidate and (self.refuser is MOCHIWEB or self.has_others)
        if not (differs or (self.refuser and has_moved)):
            return
        if has_repeats(MOCHIWEB.decode(text)):
            self._blame(Stage.FIELDS)
        elif differs:
            self.is_lost = True

    def _is_done(self) -> bool:
        """Say whether the first step at which the sides part has been found, where that is all."""
        return self.refuser is None and bool(self.found)

    def _data(self) -> bytes | None:
        """Return the data parameter as the side reads it that is to be followed."""
        payload = self.payload
        if payload.is_served(MOCHIWEB) != payload.is_served(STRICT):
            self._blame(Stage.PATH)
        if self.is_lost or self._is_done():
            return None
        mine, other = payload.known, payload.ported
        if self.refuser is STRICT:
            mine, other = other, mine
        if not _is_same(mine.data, other.data):
            self._blame(Stage.PARAMETERS)
            return other.data
        if self.refuser is None and (mine.verbose, mine.ip) != (other.verbose, other.ip):
            self._blame(Stage.PARAMETERS)
        return mine.data

    def _blame(self, stage: Stage) -> None:
        """Blame the first quirk of *stage* that is there."""
        quirk = next((quirk for quirk in self.present if quirk.stage is stage), None)
        if quirk is None:
            self.is_lost = True
        else:
            self.found.append(quirk)

    def _repaired(
        self, stage: Stage, data: bytes, takes: Callable[[Profile, bytes], bool]
    ) -> bytes:
        """Return *data* as the refusing side takes it, and blame what had to be taken out."""
        side = self.refuser or self._failing(data, takes)
        if side is None or takes(side, data):
            return data
        quirks = [quirk for quirk in self.present if quirk.stage is stage]
        for number in range(1, MOST + 1):
            for few in combinations(quirks, number):
                tried = _without(few, data)
                if takes(side, tried):
                    self.found += few
                    return tried
        self.is_lost = True
        return data

    def _failing(self, data: bytes, takes: Callable[[Profile, bytes], bool]) -> Profile | None:
        """Return the side that fails where the other does not."""
        legacy, candidate = takes(MOCHIWEB, data), takes(STRICT, data)
        if legacy == candidate:
            return None
        return STRICT if legacy else MOCHIWEB

    def _decoded(self, data: bytes) -> bytes:
        side = self.refuser or MOCHIWEB
        return side.base64(data) or b""


def _without(quirks: Iterable[Quirk], data: bytes) -> bytes:
    for quirk in quirks:
        if quirk.repair is not None:
            data = quirk.repair(data)
    return data


@dataclass(frozen=True, slots=True)
class Checked:
    """What a service makes of one event."""

    problem: str | None
    identity: tuple[str, ...]
    """What tells whose event it is, and which."""


def checked(payload: Payload, profile: Profile, text: bytes) -> list[Checked]:
    """Return what *profile* makes of each event of *text*; empty if it cannot read it."""
    term = profile.decode(text)
    if isinstance(term, Unreadable) or payload.endpoint is None:
        return []
    items = term if isinstance(term, list) else [term]
    return [_checked(payload.endpoint, item) for item in items]


def _checked(endpoint: Endpoint, item: Term) -> Checked:
    if not isinstance(item, dict | Object):
        return Checked(NO_OBJECT, ())
    find = track_problem if endpoint is Endpoint.TRACK else engage_problem
    values = [item.get(key) for key in ("event", "$token", "$distinct_id")]
    holder = item.get("properties")
    if isinstance(holder, dict | Object):
        values += [holder.get("token"), holder.get("distinct_id")]
    return Checked(find(item), tuple(value for value in values if isinstance(value, str)))


def _has_other_answer(payload: Payload) -> bool:
    """Say whether the sides give the answer another form, whatever it says."""
    here, there = payload.is_served(MOCHIWEB), payload.is_served(STRICT)
    return here != there or payload.known.verbose != payload.ported.verbose


def _reads(profile: Profile, text: bytes) -> bool:
    """Say whether *profile* can read *text*, and write what it has read."""
    term = profile.decode(text)
    return not isinstance(term, Unreadable) and profile.encode(term) is not None


def _decodes(profile: Profile, text: bytes) -> bool:
    """Say whether *profile* can read *text*."""
    return not isinstance(profile.decode(text), Unreadable)


def _is_same(mine: bytes | None, other: bytes | None) -> bool:
    """Say whether the two agree but for bytes that are no UTF-8: that is the next steps' matter."""
    if mine is None or other is None:
        return mine == other
    return mine == other or _ascii(mine) == _ascii(other)


def _ascii(data: bytes) -> bytes:
    return data.decode("ascii", "ignore").encode()


def _refuser(difference: Difference) -> Profile | None:
    """Return the side that did not take what the other took, by what was seen of it."""
    match difference.kind:
        case Kind.MISSING:
            return STRICT
        case Kind.EXTRA:
            return MOCHIWEB
        case Kind.NO_ANSWER:
            return None if (difference.legacy or "").startswith("answered") else MOCHIWEB
    legacy, candidate = _stored(difference.legacy), _stored(difference.candidate)
    if difference.path == "body.error":
        legacy, candidate = difference.legacy == "null", difference.candidate == "null"
    if legacy == candidate:
        return None
    return STRICT if legacy else MOCHIWEB


def _stored(told: str | None) -> bool:
    """Say whether an answer's text claims that something was stored."""
    try:
        term = json.loads(told or "0")
    except ValueError:
        return False
    return (term.get("status") if isinstance(term, dict) else term) in (1, 200)
