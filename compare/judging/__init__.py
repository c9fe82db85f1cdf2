"""From a summary to a verdict.

Read in this order: ``evidence`` (with ``gamma``), ``latency``, ``gates``, ``validity``, ``trust``,
``verdict``; ``coverage``, ``intervals`` and ``bootstrap`` are what reports show besides.
"""
