"""exchanges + events -> verdict. Pair, take out noise, differ, judge. No network.

Read in this order: ``canonical``, ``difference``, ``item`` and ``pairing`` (with ``blocks`` and
``matching``), ``requests`` and ``linking``, ``noise``, ``responses``, ``quirk`` and ``quirks``,
``causes``, ``tally``, ``engine``; then ``evidence``, ``latency``, ``policy``, ``verdict``,
``report``, ``judgement``, and what is in ``render``.
"""
