"""Output queues behind one interface: in memory, in SQLite, on a Kestrel server."""
