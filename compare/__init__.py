"""exchanges + events -> verdict. Pair, take out noise, differ, judge. No network.

Read in this order: ``differing`` (how two messages differ), ``pairing`` (which two belong
together), ``quirks`` and ``clients`` (why, and who would notice), ``noise``, ``stages`` (from a run
to a summary), ``policy`` and ``judging`` (from a summary to a verdict), ``expression``; then
``report``, ``stored``, ``verification``, ``judgement``, and what is in ``render``.

``planting`` and ``plants`` make runs with known mistakes, for tests.
"""
