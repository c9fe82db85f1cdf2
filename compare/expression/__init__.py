"""text -> expression -> value. The filter language of reports, slices and accepted differences.

Read in this order: ``error``, ``values``, ``tokens``, ``node``, ``parsing``, ``evaluating``.
The language itself is told in ``docs/expressions.md``.
"""
