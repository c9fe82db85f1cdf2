"""Quirks of HTTP: limits, framing, and the request target."""

from compare.differing.difference import Kind
from compare.quirks.payload import Payload
from compare.quirks.quirk import EITHER, GAINED, LOST, Evidence, Quirk, Stage, of_payload
from pyingest.message import joined
from pyingest.routing import ENDPOINTS
from pyingest.wire.profile import MOCHIWEB, STRICT
from pyingest.wire.term import IllFormed

LONGEST_LINE, LONGEST_HEADER, LARGEST_BODY = 8192, 8191, 1 << 20
"""Bytes that MochiWeb takes: of a request line and a header line (with CR LF), and of a body."""


def has_no_answer(evidence: Evidence) -> bool:
    """The candidate never answered."""
    return not evidence.has_answer


def has_large_body(payload: Payload) -> bool:
    """The body is larger than MochiWeb takes."""
    return len(payload.request.body) > LARGEST_BODY


def has_long_line(payload: Payload) -> bool:
    """The request line is longer than MochiWeb takes."""
    return payload.line > LONGEST_LINE


def has_long_header(payload: Payload) -> bool:
    """A header line is longer than MochiWeb takes."""
    return any(
        len(name) + len(value) + len(b": \r\n") > LONGEST_HEADER
        for name, value in payload.request.headers
    )


def has_odd_coding(payload: Payload) -> bool:
    """``Transfer-Encoding`` names the chunks otherwise than in lower case."""
    coding = joined(payload.request.headers, b"transfer-encoding")
    return coding is not None and coding.lower() == b"chunked" != coding


def has_odd_address(payload: Payload) -> bool:
    """``X-Forwarded-For`` is not UTF-8, and the client wants its address in the event."""
    address = MOCHIWEB.address("127.0.0.1", payload.request.headers)
    return payload.known.ip and isinstance(address, IllFormed)


def has_odd_path(payload: Payload) -> bool:
    """Legacy's rules for paths find the endpoint, a plain split does not."""
    target = payload.request.target
    return MOCHIWEB.split(target)[0] in ENDPOINTS and STRICT.split(target)[0] not in ENDPOINTS


NO_ANSWER = Quirk(
    "no answer",
    frozenset({Kind.MISSING, Kind.NO_ANSWER}),
    has_no_answer,
    "The candidate gave no answer to this request: it was refused, cut off, or timed out.",
    "Look at the candidate's log for that time; this is about availability, not decoding.",
)

HTTP_QUIRKS: tuple[Quirk, ...] = (
    NO_ANSWER,
    Quirk(
        "large body",
        EITHER,
        of_payload(has_large_body),
        "MochiWeb reads bodies up to 1 MiB and closes the connection on a larger one without an "
        "answer; Twisted has no limit of its own.",
        "Set the candidate's limit to 1048576 bytes, or accept that it takes more.",
    ),
    Quirk(
        "long request line",
        EITHER,
        of_payload(has_long_line),
        "MochiWeb reads request lines up to 8192 bytes, which caps a GET with data=; Python "
        "servers have other limits.",
        "Clients over the limit were never served; accept it, or set the same limit.",
    ),
    Quirk(
        "long header line",
        GAINED,
        of_payload(has_long_header),
        "MochiWeb reads header lines up to 8191 bytes (large cookies, mostly) and answers 400 to "
        "a longer one; Python servers take more.",
        "Clients over the limit were never served; accept it, or set the same limit.",
    ),
    Quirk(
        "transfer coding",
        GAINED,
        of_payload(has_odd_coding),
        "MochiWeb compares Transfer-Encoding with chunked letter by letter and hangs up on "
        "Chunked; by RFC 9112, and in Python, upper and lower case are the same.",
        "Such clients were never served; accept it.",
    ),
    Quirk(
        "forwarded address",
        GAINED,
        of_payload(has_odd_address),
        "MochiWeb takes the last element of X-Forwarded-For for the client's address whatever it "
        "holds; when that is not UTF-8, mochijson2 cannot write the event and it is refused.",
        "Accept it: the events were lost, and the header was forged or broken.",
    ),
    Quirk(
        "path spelling",
        LOST | {Kind.HEADER},
        of_payload(has_odd_path),
        "MochiWeb decodes percent signs in the path, collapses runs of slashes, and drops scheme "
        "and host of an absolute address; a plain comparison of paths finds no endpoint.",
        "Normalise the path as MochiWeb does before routing.",
        Stage.PATH,
    ),
)
