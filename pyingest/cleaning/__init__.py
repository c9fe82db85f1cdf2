"""The cleaning rules of the modern contract: what a record needs, and what is made of it.

text -> json_tolerant -> cleaning (draft: mending, identity, ids, special, times, places, values,
operations, strictness, enveloping) -> record. In reading order: ``record``, ``settings``,
``cleaning``, then any rule; ``rules`` has all of them as data, ``listing`` as a table.
"""
