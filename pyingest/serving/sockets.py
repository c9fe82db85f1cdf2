"""Sockets that several processes listen on: one each, the system spreads the connections."""

import socket

from pyingest.server import ListenError, family, taken


def bind(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens, beside others of ours on the same address (SO_REUSEPORT).

    :raises ListenError: the address cannot be listened on.
    """
    found = socket.socket(family(host), socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.setblocking(False)
        found.bind((host, port))
        found.listen(backlog)
    except OSError as error:
        found.close()
        raise ListenError(taken(host, port, error.strerror or error)) from None
    return found


def check_free(host: str, port: int) -> None:
    """Look whether anybody listens on an address.

    Without that, two servers of one user would share it and neither would know.

    :raises ListenError: somebody does.
    """
    probe = socket.socket(family(host), socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    except OSError as error:
        raise ListenError(taken(host, port, error.strerror or error)) from None
    finally:
        probe.close()


def bind_all(
    host: str, port: int, backlog: int, count: int, beside: bool = False
) -> list[socket.socket]:
    """Return *count* sockets that listen on the same address; port 0 takes any free one.

    :param beside: share the address with other servers of the same user, if there are any.
    :raises ListenError: the address cannot be listened on.
    """
    if port and not beside:
        check_free(host, port)
    first = bind(host, port, backlog)
    found = [first]
    try:
        for _ in range(count - 1):
            found.append(bind(host, first.getsockname()[1], backlog))
    except ListenError:
        for one in found:
            one.close()
        raise
    return found
