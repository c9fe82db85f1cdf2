"""events -> a queue, with a local durable spool for when the queue is away.

Read: ``acknowledgement``, ``circuit``, ``record``, ``segments``, ``directories``, ``spool``,
``buffer``, ``drain``, ``durable``.
"""
