"""settings -> the processes of a dual run: one, or a supervisor with proxies, tap and live page.

Reading order: ``settings``, ``reading``; ``place`` (which part of a run a process is), ``front``,
``taps``; ``odometer``, ``sideview``, ``telling`` (what a process tells of itself);
``worker``, ``accounts`` (what a killed one leaves behind), ``livepage``, ``supervisor``,
``running``; ``statusfiles``, ``summing``, ``showing``, ``command`` (``mixmigrate status``).
"""
