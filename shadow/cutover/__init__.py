"""Traffic shifts from legacy to candidate step by step, by itself back, and by a word at any time.

``stage`` (where it stands, what leads on) · ``store`` (that on disk, and its history) · ``router``
(which side answers a request) · ``limits``, ``detector``, ``latency``, ``guards`` (when the
candidate must stop answering) · ``controller``, ``opening`` (all of these in a proxy) ·
``processes`` (what each proxy tells of it) · ``preflight``, ``steps``, ``view`` (what the operator
reads). The commands stand in ``compare/cutover``: an advance needs a report that is verified.
"""
