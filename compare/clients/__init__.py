"""Which real client libraries would notice that an answer is another one, and how.

Read in this order: ``reading``, ``shapes``, ``readers``, ``notices``.
"""
