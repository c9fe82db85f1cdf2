"""Differences that are expected: allowed within a class, counted, watched; learned from legacy.

Read in this order: ``noise``, ``rules``, ``fields`` (with ``values``), ``watch``; for learning
``trace`` (with ``text_shape``), ``calibration``, ``calibration_run``, ``calibrating``, ``toml``,
``calibration_text``, ``command``.
"""
