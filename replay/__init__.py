"""access log -> requests. Yesterday's traffic again, on time.

Read in this order: ``formats``, ``reconstruct``, ``pacing``, ``corpus``, then the adapters
``driver`` and ``demo``.
"""
