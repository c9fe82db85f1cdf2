"""Is this set-up fit for a dual run: what could be wrong -> findings, each with what to do.

Read in this order: ``findings``, ``checks``, ``surroundings``, then the echo test: ``framing``,
``conversation``, ``oddrequests``, ``rawcorpus``, ``answers``, ``differing``, and the adapters
``echoleg``, ``echoclient``, ``echo``, ``probing``, ``command``.
"""
