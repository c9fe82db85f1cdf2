"""What the server knows is written beside a record, never into its properties (C26, C36)."""

from hashlib import blake2b

from msgspec.json import Encoder

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.mending import well_formed
from pyingest.cleaning.places import kept
from pyingest.cleaning.record import Cleaned
from pyingest.cleaning.values import EVENT, tidy
from pyingest.wire.term import Term

_write = Encoder().encode
_EVENT = frozenset({"event", "properties", "$mp_metadata"})
_UPDATE = frozenset(
    [
        "$token",
        "$distinct_id",
        "$group_key",
        "$group_id",
        "$set",
        "$set_once",
        "$add",
        "$append",
        "$union",
        "$unset",
        "$remove",
        "$delete",
        "$ip",
        "$time",
        "$ignore_time",
        "$ignore_alias",
        "$latitude",
        "$longitude",
        "$device_id",
        "$user_id",
        "$mp_metadata",
    ]
)


def unknown_keys(draft: Draft) -> Outcome:
    """C26. Unknown names of the top level go into the envelope as ``other``. ``$mp_metadata``
    stays.

    Source: clients' source code (iPhones send ``id``); our choice.
    """
    known = _UPDATE if draft.sign else _EVENT
    if draft.record.keys() <= known:
        return None
    other = {name: value for name, value in draft.record.items() if name not in known}
    draft.beside["other"] = tidy(other, EVENT, draft.notes)
    if draft.sign:
        draft.fields = {name: value for name, value in draft.fields.items() if name in known}
    draft.notes.append("unknown_keys")
    return None


def envelope(draft: Draft) -> dict[str, Term]:
    """C36. What the server knows goes beside the record: token, endpoint, time of receipt,
    address, request id, library, and a hash of the record as it came.

    The hash is BLAKE2b, 128 bits, of its compact JSON.

    Source: our choice; production collectors do likewise.
    """
    here = draft.circumstances
    made: dict[str, Term] = {
        "token": draft.token,
        "endpoint": here.endpoint.value,
        "received": here.now,
        "content_hash": blake2b(draft.text, digest_size=16).hexdigest(),
    }
    address = kept(here.address, draft.settings.address)
    if address:
        made["address"] = well_formed(address, [])
    if here.request_id:
        made["request_id"] = well_formed(here.request_id, [])
    library = draft.fields.get("mp_lib")
    if type(library) is str:
        version = draft.fields.get("$lib_version")
        made["lib"] = f"{library} {version}" if type(version) is str else library
    return made | draft.beside if draft.beside else made


def finished(draft: Draft) -> Cleaned:
    """Return the record for the queue."""
    if draft.sign:
        record: dict[str, Term] = draft.fields
    else:
        record = {"event": draft.name, "properties": draft.fields}
        if "$mp_metadata" in draft.record:
            record["$mp_metadata"] = tidy(draft.record["$mp_metadata"], EVENT, draft.notes)
    record["envelope"] = envelope(draft)
    key = f"{draft.token}:{draft.person}".encode() if draft.person else b""
    notes = tuple(dict.fromkeys(draft.notes))
    return Cleaned(_write(record), draft.token, key, _id(draft), notes)


def _id(draft: Draft) -> bytes:
    """Return what a repeat shares: project, name, the client's time, person, ``$insert_id``."""
    if not draft.insert_id:
        return b""
    parts = [draft.token, draft.name, draft.said, draft.person, draft.insert_id]
    return blake2b(_write(parts), digest_size=16).hexdigest().encode()
