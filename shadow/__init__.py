"""request -> exchange + events. Both services at once; the client hears legacy.

Read in this order: ``exchange``, ``dualrun``, ``lane``, ``ledger``, ``recording``, then the
adapters ``upstream``, ``proxy`` and ``tap``.
"""
