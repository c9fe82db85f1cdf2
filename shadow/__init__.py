"""request -> exchange + events. Both services at once; the client hears legacy.

Read in this order: ``exchange``, ``routing``, ``dualrun``, ``lane``, ``ledger``, ``recording``,
then ``relaying/`` and the adapters ``proxy`` and ``tap``.
"""
