"""request -> answer + events. The rewrite's stand-in, and the queues; knows nobody.

Read in this order: ``message``, ``event``, ``wire``, ``ingest``, ``answers``, ``routing``,
``queues.interface``, then the adapters ``http``, ``server`` and the queues.
"""
