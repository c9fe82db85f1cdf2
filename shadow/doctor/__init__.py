"""Is this set-up fit for a dual run: what could be wrong -> findings, each with what to do.

Read in this order: ``findings``, ``checks``, ``surroundings``, then the echo test: ``framing``,
``parsing``, ``conversation``, ``oddrequests``, ``rawcorpus``, ``answers``, ``differing``,
``echoreport``, and the adapters ``echoleg``, ``echoclient``, ``proxied``, ``echo``, ``probing``,
``command``.
"""
