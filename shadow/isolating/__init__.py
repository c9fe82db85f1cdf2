"""request -> route; exchanges and looks -> when to stop. What keeps the clients unharmed.

Read in this order: ``switch`` and ``watchedfile`` (off by hand, at run time), ``sticky`` (what a
choice sticks to), ``sampling``, ``rules``, ``router`` (all of them as one question), then
``histogram`` and ``tax`` (what mirroring costs), ``bets``, ``units`` and ``taxtest`` (whether
that is too much), ``trips`` and ``vitals`` (what else is), ``settings``, ``isolation``, which puts
it together, and ``watch``, which keeps it going.
``shadow.lane`` and ``shadow.breaker`` are the two that stand next to the candidate.
"""
