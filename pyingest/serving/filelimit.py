"""Room for as many connections as the settings allow: each is an open file of its process."""

import resource

SPARE = 100
"""Files besides those of clients: the queue, logs, pipes."""


def raise_file_limit(connections: int) -> int:
    """Let this process open files for so many *connections*, as far as the system lets it.

    Returns how many connections there is room for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        room = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))
        soft = room
    return connections if soft == resource.RLIM_INFINITY else min(connections, soft - SPARE)
