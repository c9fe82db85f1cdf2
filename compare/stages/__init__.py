"""From a run directory to a summary, in stages that are mapped over the run's partitions.

Read in this order: ``tally`` (what comes out), ``rules``, ``engine``, ``requests``, ``scanning``,
``shuffle``, ``causes`` (with ``samples``), ``explained``, ``examining``, ``explaining``; then
``engines``, ``following``, ``cases`` and ``asking``.
"""
