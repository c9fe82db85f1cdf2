"""request -> answer + events. The rewrite's stand-in, a server of its own, and the queues.

Knows nobody. Read in this order: ``message``, ``event``, ``wire``, ``ingest``, ``answers``,
``routing`` (the classic contract); ``contract``, ``cleaning`` (the modern one);
``queues.interface``, ``durability``, ``aliasing``, ``traffic``; then the adapters ``reception``,
``http``, ``connection``, ``outlet``, ``quick``, ``server``, and ``serving``, where all is wired.
"""
