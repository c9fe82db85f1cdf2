"""A run that is recorded for weeks: its parts, what is kept of them, and what is hidden in them.

Reading order: ``manifest`` (what a run and a part say of themselves), ``private`` and
``background`` (files for their owner alone; work that clients need not wait for), ``run`` (making,
resuming and closing a run), ``rotating`` (one writer's parts, one after the other), ``union`` (all
parts as one run, for ``shadow.recording.RunReader``), ``burial`` (what a killed writer left),
``retention`` (what is deleted, and when), ``redaction`` and ``secrets`` (what never gets to the
disk), ``checking`` (whether a run is what it says), ``command`` (``mixmigrate run``).
"""
