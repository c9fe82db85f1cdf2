"""What is known of the traffic: decisions observed -> who sends what; servers -> the one to use.

Reading order: ``ranking`` (keys in the order of their counts, every step O(1)), ``stats`` (the
records that are shown and merged), ``senders`` (heavy hitters in bounded memory), ``slices`` and
``history`` (sliding windows), ``observer`` (the whole for one worker); then ``servers`` (what is in
flight to whom), ``placement`` (token classes and shards); then ``table`` and ``command``
(``mixmigrate top``).
"""
