"""access log -> requests. Yesterday's traffic again, on time.

Read in this order: ``formats``, ``reconstruct``, ``pacing``, ``corpus``, then the adapters
``upstream``, ``driver`` and ``demo``. ``importing/`` makes a run of what others mirrored.
"""
