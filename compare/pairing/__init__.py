"""Which candidate event answers to which legacy event.

Read in this order: ``sieve`` (with ``sequence``), ``item``, ``linking``, ``pairing`` (with
``blocks`` and ``salvage``), ``finding``, ``recount``, ``matching``, ``settling``.
"""
