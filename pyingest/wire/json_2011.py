"""JSON as mochijson2 of August 2011 reads and writes it, where that is known to differ.

What is known comes from one run: mochijson2 as it stood in MochiWeb's public history at
2011-08-16, compiled aside on OTP 25, took 235 inputs, and the outcome differed from that of
MochiWeb 3.1.1 in five. They are the rows of the test of this module, and make two rules:

* text with UTF-16 surrogates encoded as UTF-8 (CESU-8, as old browser libraries send every
  emoji) is written, each half as ``\\uXXXX``; 3.1.1 reads it and fails when it writes it;
* the escapes ``\\ufffe`` and ``\\uffff`` are refused; the same characters as raw bytes are not.

All else is taken to be as today. Nothing of 2011 but this one module was run: neither its HTTP
layer nor the Erlang of the time, whose ``xmerl_ucs`` and floats are assumed to be as in OTP 25.
"""

import re
from typing import Any

from pyingest.wire import json_lenient, json_mochi
from pyingest.wire.term import IllFormed, Object, Term, Unreadable

_NONCHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u[fF]{3}[eEfF]")
"""An escape behind an even number of backslashes: an odd one would be an escaped backslash."""


def decode(data: bytes) -> Term | Unreadable:
    """Return the value of *data* as ``mochijson2:decode`` of 2011 gives it.

    Strings and floats come as :func:`pyingest.wire.json_mochi.decode` gives them.
    """
    if _NONCHARACTER.search(data):
        return Unreadable("\\ufffe and \\uffff are no characters")
    return json_mochi.decode(data)


def encode(term: Term) -> bytes | None:
    """Return the bytes of ``mochijson2:encode`` of 2011 for *term*, or ``None`` where it fails.

    It fails for a string that is neither UTF-8 nor CESU-8, and for a float as a key. What is
    CESU-8 in *term* is changed in place.
    """
    text = json_mochi.encode(term)
    if text is not None:
        return text
    root = [term]
    try:
        _decode_halves(root)
    except UnicodeDecodeError:
        return None
    return json_lenient.encode(root[0])


def _decode_halves(term: Term) -> None:
    """Put text in the place of every ill-formed string.

    :raises UnicodeDecodeError: one is neither UTF-8 nor surrogates in its shape.
    """
    todo = [term]
    while todo:
        match todo.pop():
            case dict() as fields:
                fields.update((name, _whole(value)) for name, value in fields.items())
                todo += fields.values()
            case list() as items:
                items[:] = map(_whole, items)
                todo += items
            case Object() as fields:
                fields.pairs = [(_whole(name), _whole(value)) for name, value in fields.pairs]
                todo += (value for _, value in fields.pairs)


def _whole(value: Any) -> Any:
    if isinstance(value, IllFormed):
        return value.content.decode("utf-8", "surrogatepass")
    return value
