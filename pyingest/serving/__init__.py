"""settings -> a service that runs: limits, workers, probes, metrics, logs, an orderly restart.

Reading order: ``settings``, ``reading``; ``parts`` (the seams), ``service`` (one request's way);
``ratelimit``, ``refusals``, ``admission``; ``metrics``, ``prometheus``, ``logs``, ``observing``;
``admin``; ``assembly`` (where all is wired); ``control``, ``workerend``, ``worker``; ``slots``,
``child``, ``slot``, ``supervisor``.
"""
