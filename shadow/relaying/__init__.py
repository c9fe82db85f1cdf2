"""raw bytes in -> raw bytes on. What a client sent reaches both sides as it came; so the answer.

Read in this order: ``grammar``, ``bodies``, ``framing`` and ``answerframing`` (where messages
begin and end, no I/O), ``raw`` and ``onward`` (one message, and what is changed in it), then the
adapters: ``link`` and ``pool`` (a side), ``door`` and ``visitor`` (the clients), ``errand`` between
those two, and ``mirror`` (the copies).
"""
