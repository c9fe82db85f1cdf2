"""Traffic shifts from legacy to candidate step by step, by itself back, and by a word at any time.

``stage`` (where it stands, what leads on) · ``store`` (that on disk, and its history) · ``person``
(whose request it is) · ``router`` (which side answers it) · ``detector``, ``latency``, ``guards``
(when the candidate must stop answering) · ``controller`` (all of these in a proxy) · ``processes``
(what each proxy tells of it) · ``preflight``, ``steps``, ``command`` (what the operator reads).
"""
