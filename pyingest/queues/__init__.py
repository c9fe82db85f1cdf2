"""Output queues behind one interface.

In memory, in a plain file, in SQLite, on Kestrel servers, NATS JetStream, Kafka and Redis Streams.
Read ``interface``, ``memory`` (the reference), ``testing`` (what every engine must do),
``opening``; then any engine.
"""
