"""The ways to read and write, side by side, so that the service itself is written once."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyingest.address import mochiweb_address, socket_address
from pyingest.message import Headers
from pyingest.wire import base64text, json_2011, json_mochi, json_strict, querystring, target
from pyingest.wire.term import IllFormed, Term, Unreadable


@dataclass(frozen=True, slots=True)
class Profile:
    """How requests are read and events written."""

    name: str
    split: Callable[[bytes], tuple[bytes, bytes]]
    """Request target to path and query."""
    pairs: Callable[[bytes], list[tuple[bytes, bytes]]]
    """Query string or form body to names and values, in order."""
    base64: Callable[[bytes], bytes | None]
    decode: Callable[[bytes], Term | Unreadable]
    encode: Callable[[Term], bytes | None]
    address: Callable[[str, Headers], str | IllFormed | None]
    """Socket peer and headers to the client's address."""


MOCHIWEB = Profile(
    name="mochiweb",
    split=target.split_as_mochiweb,
    pairs=querystring.split_as_mochiweb,
    base64=base64text.decode_as_erlang,
    decode=json_mochi.decode,
    encode=json_mochi.encode,
    address=mochiweb_address,
)
"""What the legacy library accepts and writes: clients notice nothing."""

MOCHIWEB_2011 = replace(
    MOCHIWEB, name="mochiweb-2011", decode=json_2011.decode, encode=json_2011.encode
)
"""The legacy library with its JSON of August 2011; ``json_2011`` says what of it is known."""

STRICT = Profile(
    name="strict",
    split=target.split_as_port,
    pairs=querystring.split_as_port,
    base64=base64text.decode_as_port,
    decode=json_strict.decode,
    encode=json_strict.encode,
    address=socket_address,
)
"""What a straightforward Python port accepts and writes."""

PROFILES = {profile.name: profile for profile in (MOCHIWEB, MOCHIWEB_2011, STRICT)}
