"""The known ways in which Erlang on MochiWeb and Python part, by name.

Read in this order: ``quirk``, ``payload``, ``value_quirks``, one of the files of request quirks,
``blame``, ``catalogue``.
"""
