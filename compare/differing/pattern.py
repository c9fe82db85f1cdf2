"""What many differences have in common: the signature, and how it is put in words."""

from dataclasses import dataclass
from hashlib import sha256

from compare.differing.difference import Difference, Kind, type_name
from compare.quirks.quirk import Quirk

_WORDS = {
    Kind.MISSING: "legacy queues the event, the candidate does not",
    Kind.EXTRA: "the candidate queues an event, legacy does not",
    Kind.DUPLICATE: "the candidate queues the event more often than legacy",
    Kind.DUPLICATE_LOST: "legacy queues the event more often than the candidate",
    Kind.MISROUTED: "the event lies on another queue",
    Kind.UNPARSABLE: "the message is no JSON on one side at least",
    Kind.STATUS: "answered with another status",
    Kind.NO_ANSWER: "only one side answers",
    Kind.FIELD_REMOVED: "is missing on the candidate's side",
    Kind.FIELD_ADDED: "is added by the candidate",
    Kind.DUPLICATE_KEY: "stands more often on one side",
    Kind.NULL_VS_ABSENT: "is null on one side, absent on the other",
    Kind.EMPTY_LIST_VS_OBJECT: "is [] on one side, {} on the other",
    Kind.BOOL_VS_INT: "is true or false on one side, a number on the other",
    Kind.VALUE_NUMBER: "is another number",
    Kind.NUMERIC_FORMAT: "is the same float in other digits",
    Kind.TIME_SHIFT: "is a shifted time",
    Kind.VALUE_BOOL: "is the opposite",
    Kind.VALUE_STRING: "is another text",
    Kind.UNICODE_NORM: "is the same text in another Unicode form",
    Kind.MOJIBAKE: "is text in the wrong encoding",
    Kind.CASE: "differs in upper and lower case",
    Kind.WHITESPACE: "differs in blanks",
    Kind.TRUNCATED: "is cut off on one side",
    Kind.URL_DECODING: "is percent-encoded on one side",
    Kind.REORDERED: "holds the same items in another order",
    Kind.BODY: "of the answer differs",
    Kind.HEADER: "of the answer differs",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one signature stands for."""

    endpoint: str
    kind: Kind
    path: str
    types: str
    """``int -> string``; how the two sides fared, where one gave no answer."""
    quirk: str | None

    @property
    def signature(self) -> str:
        """Twelve hexadecimal digits, the same in every run."""
        parts = (self.endpoint, self.kind.value, self.path, self.types, self.quirk or "")
        return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def title(self) -> str:
        """Return the pattern in plain words."""
        words = _WORDS.get(self.kind) or f"differs in type ({self.types})"
        if self.kind is Kind.NO_ANSWER:
            words = f"only one side answers ({self.types})"
        told = f"{self.path} {words}" if self.path and self.kind is not Kind.STATUS else words
        return f"{self.quirk}: {told}" if self.quirk else told


def pattern(difference: Difference, path: str, endpoint: str, quirk: Quirk | None) -> Pattern:
    """Return what *difference* is a case of; *path* is its template."""
    name = quirk.name if quirk else None
    return Pattern(endpoint, difference.kind, path[:200], _types(difference), name)


def _types(difference: Difference) -> str:
    """Return the pair of types; for what concerns a whole event it would say nothing new."""
    match difference.kind:
        case Kind.NO_ANSWER | Kind.STATUS | Kind.MISROUTED:
            return f"{difference.legacy} -> {difference.candidate}"
        case Kind.MISSING | Kind.EXTRA | Kind.DUPLICATE | Kind.DUPLICATE_LOST | Kind.HEADER:
            return ""
        case Kind.DUPLICATE_KEY:
            return ""
    return f"{type_name(difference.legacy)} -> {type_name(difference.candidate)}"
