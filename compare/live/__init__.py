"""The live page of a dual run: a process of its own that only reads the run's directory.

What the run's processes tell is read by ``shadow.serving.statusfiles``. Read in this order:
``buckets``, ``roster`` (who tells, and what all of them come to), ``history`` (the last minutes),
``tax``, ``safety``;
``judged`` (what a look at the evidence says), ``provisional`` (a verdict before the end),
``lanes``, ``looking`` (looks, one after the other) and ``judge`` (the process that takes them);
``view``, ``state`` (what is shown), ``gate`` and ``metrics`` (for machines), ``access``,
``page``; then the adapters ``stream``, ``site``, ``child``, ``service`` and ``command``.
"""
