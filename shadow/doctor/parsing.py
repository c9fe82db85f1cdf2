"""Whole messages to records, by the strict grammar: what a run should say of them."""

from pyingest.message import Headers, Request, Response
from shadow.doctor.framing import Head, NotFramed, request_head, response_head


def request_of(raw: bytes) -> Request:
    """Return the record of the whole request *raw*.

    :raises NotFramed: it is none.
    """
    head = _whole(request_head(raw))
    return Request(head.word, head.target, _pairs(head), _body(raw, head), _version(head))


def response_of(raw: bytes, method: bytes) -> Response:
    """Return the record of *raw*, the whole response to a request of *method*.

    :raises NotFramed: it is none.
    """
    head = _whole(response_head(raw))
    reason = head.start.partition(b" ")[2].partition(b" ")[2]
    body = b"" if method == b"HEAD" else _body(raw, head)
    return Response(int(head.word), reason, _pairs(head), body, _version(head))


def _whole(head: Head | None) -> Head:
    if head is None:
        raise NotFramed("the head is not whole")
    return head


def _pairs(head: Head) -> Headers:
    names = (line.partition(b":")[0] for line in head.lines)
    values = (value for _, value in head.fields)
    return tuple(zip(names, values, strict=True))


def _body(raw: bytes, head: Head) -> bytes:
    """Return the body without its chunks."""
    body = raw[head.size :]
    if not head.values(b"transfer-encoding"):
        return body
    pieces, at = [], 0
    while size := int(body[at : body.index(b"\r\n", at)].partition(b";")[0], 16):
        begin = body.index(b"\r\n", at) + 2
        pieces.append(body[begin : begin + size])
        at = begin + size + 2
    return b"".join(pieces)


def _version(head: Head) -> bytes:
    return b"1.%d" % head.minor
