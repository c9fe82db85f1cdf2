"""Kinds of difference in groups, by what they mean to whoever reads the queue."""

from compare.differing.difference import Kind

CATEGORIES: dict[str, tuple[Kind, ...]] = {
    "lost": (Kind.MISSING, Kind.DUPLICATE_LOST, Kind.TRUNCATED),
    "surplus": (Kind.EXTRA, Kind.DUPLICATE),
    "routing": (Kind.MISROUTED,),
    "field": (Kind.FIELD_REMOVED, Kind.FIELD_ADDED, Kind.DUPLICATE_KEY, Kind.NULL_VS_ABSENT),
    "type": (Kind.TYPE, Kind.EMPTY_LIST_VS_OBJECT, Kind.BOOL_VS_INT),
    "value": (Kind.VALUE_NUMBER, Kind.NUMERIC_FORMAT, Kind.TIME_SHIFT, Kind.VALUE_BOOL),
    "text": (
        Kind.VALUE_STRING,
        Kind.UNICODE_NORM,
        Kind.MOJIBAKE,
        Kind.CASE,
        Kind.WHITESPACE,
        Kind.URL_DECODING,
    ),
    "order": (Kind.REORDERED,),
    "unparsable": (Kind.UNPARSABLE,),
    "answer": (Kind.STATUS, Kind.BODY, Kind.HEADER, Kind.NO_ANSWER),
}
"""Each kind is in one category. Kinds that are not listed stand for themselves."""
