"""Evidence of the queues: what was seen of them, and what a killed tap had read but not recorded.

Read in this order: ``watch`` (what is known of each queue), ``series`` (a line a second of it),
``journal`` (no gap over a restart). The tap itself is ``shadow.tap``.
"""
