"""The quick way through the classic contract: the bytes of a read in, the bytes of an answer out.

It takes the requests that nearly all clients send, and leaves every other one to
:func:`pyingest.ingest.ingest`. Where it takes one, answer and messages are those of ``ingest``, to
the last byte; ``tests/pyingest/test_quick.py`` compares the two.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from pyingest import answers
from pyingest.address import is_front
from pyingest.event import Event
from pyingest.ingest import FAILED, FORM, Stamp, decided, records
from pyingest.later import MORE, Answer
from pyingest.routing import ENDPOINTS, Endpoint, Routes
from pyingest.wire import fastjson
from pyingest.wire.fastframe import CONTENT_TYPE, FORWARDED, ORIGIN, WholeReader
from pyingest.wire.fastquery import IP, VERBOSE, is_undivided, parameters
from pyingest.wire.profile import MOCHIWEB, Profile
from pyingest.wire.requestreader import Limits

_MOST_ANSWERS = 1024
_MOST_ADDRESSES = 4096
_WRITERS = {Endpoint.TRACK: fastjson.tracked, Endpoint.ENGAGE: fastjson.engaged}
_POST = ord("P")
_JSON = b"{["
_ADDRESS = b"0123456789abcdefABCDEF.:"


Way = tuple[Endpoint, str, fastjson.Writer, str]
"""What a path leads to: the endpoint, its queue, how its messages are written, and its name."""


def address_text(source: bytes | str) -> bytes:
    """Return the address in an ``X-Forwarded-For`` (bytes) or of a peer, as JSON text.

    Empty where it is empty or holds what no address holds: that goes the slower way.
    """
    if isinstance(source, str):
        source = source.encode("utf-8", "replace")
    else:
        source = source.rpartition(b",")[2].strip(b" ")
    if not source or source.translate(None, _ADDRESS):
        return b""
    return b'"' + source + b'"'


class _Left(Exception):
    """The request is for others; to read it more thoroughly here would be in vain."""


class Sink(Protocol):
    """Where events go, and with them the choice of the answer."""

    def __call__(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        """Write *events*; give *stored* if all are stored, else *refused*, now or later."""


class Quick:
    """Answers ordinary requests from the bytes of one read of the socket.

    *now* gives epoch seconds. With *leaves_bad*, requests with a record that is no good are left
    to others, who may want to count and keep it.
    """

    def __init__(
        self,
        profile: Profile,
        routes: Routes,
        limits: Limits,
        now: Callable[[], float],
        sink: Sink,
        leaves_bad: bool = False,
    ) -> None:
        self._profile = profile
        self._is_mochiweb = profile == MOCHIWEB
        self._now = now
        self._sink = sink
        self._leaves_bad = leaves_bad
        self._whole = WholeReader(limits)
        self._ways = {
            path: (endpoint, routes.queue(endpoint), _WRITERS[endpoint], endpoint.value)
            for path, endpoint in ENDPOINTS.items()
            if endpoint in _WRITERS
        }
        self.endpoint = ""
        """Name of the endpoint of the request that was answered last."""
        self._second = -1
        self._digits = b""
        self._address = lru_cache(_MOST_ADDRESSES)(address_text)
        self._pairs: dict[tuple[int, bytes | None], tuple[bytes, bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes of target and body of the request that was answered last."""
        return len(self._whole.target) + len(self._whole.body)

    def answer(self, data: bytes, peer: str) -> Answer:
        """Answer *data*, which came from *peer*; or return ``None``, and nothing was done."""
        whole = self._whole
        if not whole.read(data):
            return MORE if whole.is_begun(data) else None
        path, _, text = whole.target.partition(b"?")
        way = self._ways.get(path)
        if way is None:
            return None
        if data[0] == _POST:
            if not whole.noted.get(CONTENT_TYPE, b"").startswith(FORM):
                return None
            text = b"%b&%b" % (whole.body, text) if text else whole.body
        found = parameters(text)
        if found is None:
            return None
        now = self._now()
        if int(now) != self._second:
            self._begin_second(int(now))
        coded, flags = found
        answer = None
        if self._is_mochiweb and (coded[0] not in _JSON or is_undivided(text, coded)):
            try:
                answer = self._quickly(way, coded, flags, peer)
            except _Left:
                return None
        if answer is None and is_undivided(text, coded):
            answer = self._slowly(way, coded, flags, peer, now)
        return answer

    def _quickly(self, way: Way, data: bytes, flags: int, peer: str) -> Answer:
        """Publish the records of *data* as they stand, each with its stamp, if they may."""
        _, queue, write, self.endpoint = way
        noted = self._whole.noted
        ip = b""
        if flags & IP:
            source = noted.get(FORWARDED)
            ip = self._address(peer if source is None or not is_front(peer) else source)
            if not ip:
                return None
        messages = write(data, ip, self._digits)
        if not messages:
            if messages is not None and self._leaves_bad:
                raise _Left
            return None
        answered = flags & VERBOSE, noted.get(ORIGIN)
        stored, refused = self._pairs.get(answered) or self._answers(*answered)
        events = [Event(queue, message) for message in messages]
        return self._sink(events, stored, refused)

    def _slowly(self, way: Way, data: bytes, flags: int, peer: str, now: float) -> Answer:
        """Read and write the records of *data* as the profile says."""
        endpoint, queue, _, self.endpoint = way
        noted = self._whole.noted
        ip = None
        if flags & IP:
            known = (FORWARDED,) if FORWARDED in noted else ()
            ip = self._profile.address(peer, tuple((name, noted[name]) for name in known))
        made = records(endpoint, data, Stamp(ip, self._second), queue, self._profile)
        decision = decided(made, noted.get(ORIGIN), now, verbose=bool(flags & VERBOSE))
        if decision.rejected and self._leaves_bad:
            return None
        stored = decision.stored.encode()
        if not decision.events:
            return stored
        return self._sink(decision.events, stored, decision.refused.encode())

    def _answers(self, verbose: int, origin: bytes | None) -> tuple[bytes, bytes]:
        """Return the two complete responses of this second, for stored and for refused."""
        if len(self._pairs) >= _MOST_ANSWERS:
            self._pairs.clear()
        now, wordy = self._second, bool(verbose)
        good = answers.answer(origin, now, verbose=wordy, problem=None, good=True)
        bad = answers.answer(origin, now, verbose=wordy, problem=FAILED, good=False)
        pair = self._pairs[verbose, origin] = good.encode(), bad.encode()
        return pair

    def _begin_second(self, second: int) -> None:
        self._second = second
        self._digits = b"%d" % second
        self._pairs.clear()
