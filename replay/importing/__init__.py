"""Two access logs and what is on two queues -> a run directory: when somebody else mirrors.

Read in this order: ``heard`` (what a line of a log tells of one side), ``pairing`` (which lines
tell of the same request), ``dumps`` and ``queues`` (the events), ``building`` (the run directory),
``command``.
"""
