"""How two messages or answers differ: each difference a kind, a path, and both texts.

Read in this order: ``canonical``, ``difference`` (with ``likeness``), ``responses``, ``paths``,
``pattern``, ``record``.
"""
