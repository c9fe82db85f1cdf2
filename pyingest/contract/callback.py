"""Names that a JSONP answer may call."""

import re

LONGEST = 128
_NAME = rb"[A-Za-z_$][A-Za-z0-9_$]*"
_INDEX = rb'(?:\[[0-9]+\]|\["[A-Za-z0-9_$]+"\])'
_GRAMMAR = re.compile(rb"%b%b*(?:\.%b%b*)*" % (_NAME, _INDEX, _NAME, _INDEX))
_IGNORING = b"(function(){})"


def is_callback(name: bytes) -> bool:
    """Say whether *name* is safe to write before ``(1);``: dotted names, each with indexes.

    The one function that is taken is the empty one, which a client sends that wants no call.
    """
    if len(name) > LONGEST:
        return False
    return name == _IGNORING or _GRAMMAR.fullmatch(name) is not None
