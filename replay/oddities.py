"""The rarer things that clients send: odd JSON, odd base64, numbers in every spelling, junk.

Most of these a service on MochiWeb takes, each for a reason of its own, and a straightforward
rewrite does not (or the other way round): they are what a rewrite loses events by.
"""

import re
from base64 import b64encode

from pyingest.message import Request
from replay.dialects import (
    FORM,
    Moment,
    carried,
    compact,
    escaped,
    get,
    in_form,
    one,
    post,
)

_NUMBERS = (
    *("1e22", "1E22", "1e-7", "1.0", "-0.0", "0.00001", "123456789012345680.0", "1.50", "1e0"),
    *("2.5e+3", "0.1", "100000.0", "1e5", "4.9e-324", "1.7976931348623157e308", "5e-324"),
)
_SURROGATES = re.compile("[\U00010000-\U0010ffff]")


def _with_member(moment: Moment, member: bytes) -> bytes:
    """Return an event's JSON with *member* at the end of its properties, however it is written."""
    text = compact(one(moment))
    assert text.endswith(b"}}")
    return text[:-2] + b"," + member + b"}}"


# JSON as hand-written encoders make it.


def trailing_comma(moment: Moment) -> Request:
    """A comma before the closing brace."""
    text = compact(one(moment))
    return carried(
        moment, text[:-2] + b",}}" if moment.random.random() < 0.7 else text[:-1] + b",}"
    )


def duplicate_keys(moment: Moment) -> Request:
    """A property given twice; concatenated strings do that."""
    member = b'"plan":"free","step":%d,"plan":"pro"' % moment.random.randrange(100)
    return carried(moment, _with_member(moment, member))


def control_characters(moment: Moment) -> Request:
    """Line breaks and tabs that stand raw in a string."""
    return carried(moment, _with_member(moment, b'"comment":"first line\nsecond\tcolumn\x01"'))


def unknown_escapes(moment: Moment) -> Request:
    """Backslashes that nobody doubled: Windows paths, escaped apostrophes."""
    member = b'"path":"C:\\Programs\\x","title":"it\\\'s"'
    return carried(moment, _with_member(moment, member))


def lone_surrogate(moment: Moment) -> Request:
    """Text cut at 255 UTF-16 units, in the middle of an emoji."""
    member = b'"title":"%b\\ud83d"' % (b"x" * 254)
    return carried(moment, _with_member(moment, member))


def cesu8(moment: Moment) -> Request:
    """Emoji as an old browser base64 helper wrote them: each half of a pair on its own."""
    text = compact(one(moment))[:-2].decode() + ',"mood":"🙂 fine"}}'
    halves = _SURROGATES.sub(_pair, text).encode("utf-8", "surrogatepass")
    return carried(moment, halves)


def _pair(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(chr(int.from_bytes(units[at : at + 2], "big")) for at in (0, 2))


def big_integer(moment: Moment) -> Request:
    """An id beyond 64 bits; one beyond 53."""
    huge = moment.random.getrandbits(moment.random.choice((54, 64, 65, 100, 200)))
    return carried(moment, _with_member(moment, b'"order_id":%d' % huge))


def float_text(moment: Moment) -> Request:
    """Numbers in spellings that no two languages share."""
    texts = moment.random.sample(_NUMBERS, 3)
    members = ",".join(f'"n{place}":{text}' for place, text in enumerate(texts))
    return carried(moment, _with_member(moment, members.encode()))


def no_time(moment: Moment) -> Request:
    """An event without a time: the service adds its own."""
    record = one(moment)
    del record["properties"]["time"]
    return carried(moment, compact(record))


# base64 as hand-written encoders make it.


def url_safe(moment: Moment) -> Request:
    """The alphabet for addresses, as Ruby's ``urlsafe_encode64`` writes it."""
    data = b64encode(_with_member(moment, '"mark":"~~??>>ÿÿ"'.encode()), b"-_")
    return get(moment, b"/track/", b"data=" + escaped(data) + b"&ip=1&img=1")


def unpadded(moment: Moment) -> Request:
    """Without the ``=`` at the end."""
    text = compact(one(moment))
    return _base64_post(moment, b64encode(text + b" " * ((1 - len(text)) % 3)).rstrip(b"="))


def over_padded(moment: Moment) -> Request:
    """With more ``=`` than belong there."""
    return _base64_post(moment, b64encode(compact(one(moment))) + b"==")


# Junk.


def bad_base64(moment: Moment) -> Request:
    """Letters that are in no alphabet."""
    data = b64encode(compact(one(moment)))
    at = moment.random.randrange(len(data))
    return _base64_post(moment, data[:at] + moment.random.choice((b"*", b"!", b"\xff")) + data[at:])


def bad_json(moment: Moment) -> Request:
    """JSON that was cut short."""
    text = compact(one(moment))
    return in_form(moment, text[: moment.random.randrange(1, len(text))])


def incomplete(moment: Moment) -> Request:
    """An event that lacks what every event must have."""
    record = one(moment)
    if moment.random.random() < 0.5:
        del record["properties"]["token"]
    else:
        record["event"] = moment.random.choice(("", None, 7))
    return carried(moment, compact(record))


def nothing(moment: Moment) -> Request:
    """No data, or data with nothing in it."""
    data = moment.random.choice((b"", b"&data=", b"&data=W10%3D", b"&data=bnVsbA%3D%3D"))
    return get(moment, b"/track/", b"_=%d%b" % (moment.random.getrandbits(48), data))


def unknown_path(moment: Moment) -> Request:
    """What scanners and lost browsers ask for."""
    path = moment.random.choice((b"/favicon.ico", b"/wp-login.php", b"/trak", b"/TRACK", b"/"))
    return get(moment, path, b"_=%d" % moment.random.getrandbits(48))


def put(moment: Moment) -> Request:
    """A method that the service does not have."""
    request = post(moment, b"/track/", b"data=" + escaped(b64encode(compact(one(moment)))), FORM)
    return Request(b"PUT", request.target, request.headers, request.body)


def _base64_post(moment: Moment, data: bytes) -> Request:
    return post(moment, b"/track/?verbose=1", b"data=" + escaped(data))
