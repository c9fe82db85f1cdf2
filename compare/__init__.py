"""exchanges + events -> verdict. Pair, take out noise, differ, judge. No network.

Read in this order: ``canonical``, ``pairing``, ``difference``, ``quirks``, ``causes``,
``evidence``, ``latency``, ``policy``, ``verdict``, ``report``, ``render``.
"""
