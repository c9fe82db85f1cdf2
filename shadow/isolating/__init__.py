"""request -> route; exchanges and looks -> when to stop. What keeps the clients unharmed.

Read in this order: ``switch`` and ``watchedfile`` (off by hand, at run time), ``sticky`` (what a
choice sticks to), ``sampling``, ``rules``, ``router`` (all of them as one question), then
``histogram``, ``tax`` and ``taxtest`` (what mirroring costs), ``trips`` (when it costs too much),
``settings`` and ``reading`` (how it is all set), and ``isolation``, which puts it together.
``shadow.lane`` and ``shadow.breaker`` are the two that stand next to the candidate.
"""
