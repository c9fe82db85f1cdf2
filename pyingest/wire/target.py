"""Request targets: path and query, as MochiWeb and as a straightforward port take them."""

from pyingest.wire.querystring import unquoted


def split_as_mochiweb(target: bytes) -> tuple[bytes, bytes]:
    """Return MochiWeb's (path, query): the path decoded, the query as it stood.

    An absolute target loses its scheme and host, a fragment is cut, ``+`` in the path becomes a
    blank, and runs of ``/`` collapse. Source: ``mochiweb_request:get(path)`` 3.1.1.
    """
    if target[:4].lower() == b"http":
        target = _without_host(target)
    path, _, query = target.partition(b"#")[0].partition(b"?")
    path = unquoted(path)
    while b"//" in path:
        path = path.replace(b"//", b"/")
    return path, query


def _without_host(target: bytes) -> bytes:
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        return target
    return b"/" + rest.partition(b"/")[2]


def split_as_port(target: bytes) -> tuple[bytes, bytes]:
    """Return (path, query) with nothing decoded: all before the first ``?``, and all after."""
    path, _, query = target.partition(b"?")
    return path, query
