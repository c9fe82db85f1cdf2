"""Throw broken requests at the HTTP front with a whole contract behind it, in one process.

    python -m benchmarks.fuzz_http --minutes 10

Every input goes over a connection in memory. It must not raise, not take long, leave nothing
behind, get answers that are HTTP, and see its connection end once the client sends no more. An
input whose answers are of a new kind is kept and changed further; so the search goes on from what
was found, without counting lines. What fails is written to a file, and ends the search.
"""

import gc
import os
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from benchmarks.fuzz_inputs import changed, corpus, pieces
from pyingest.connection import HttpProtocol
from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.quick import Quick
from pyingest.routing import Routes
from pyingest.serving.admission import Admission, LimitedFactory
from pyingest.serving.contracts import contract_of, refusal_of
from pyingest.serving.service import Parts, Service
from pyingest.serving.settings import ContractSettings, QueueSettings, Settings
from pyingest.wire.profile import MOCHIWEB
from pyingest.wire.requestreader import Limits

PEER = IPv4Address("TCP", "192.0.2.7", 5)
NOW = 1_795_000_000.0
SLOW = 5.0
"""Seconds of an input that is stuck."""
KEPT, LONGEST = 2000, 20_000
"""So many inputs are kept to be changed further, none of more bytes: memory tells of leaks."""
CONTRACTS = ("classic", "modern")
_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"(?i)^content-length: (\d+)\r$", re.MULTILINE)


class Finding(Exception):
    """An input did what no input may. The text says what."""


class _Stuck(BaseException):
    """Ends what takes too long; no ``except Exception`` on the way can stop it."""


@implementer(ITCPTransport)
class Wire(StringTransport):
    """A connection in memory that can be half closed and cut."""

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def loseWriteConnection(self) -> None:
        pass

    def abortConnection(self) -> None:
        self.loseConnection()


@dataclass(frozen=True)
class Played:
    """What an input led to."""

    said: bytes
    events: tuple[tuple[str, bytes], ...]
    calm: bool
    """Whether the connection stayed open until the client sent no more."""


class Front:
    """The HTTP front of one contract, its quick way included or not."""

    def __init__(self, contract: str, *, quick: bool = False) -> None:
        settings = Settings(
            contract=ContractSettings(name=contract),  # type: ignore[arg-type]  # one of CONTRACTS
            queue=QueueSettings(url="memory:#events,profiles"),
        )
        self.clock = Clock()
        self.defects: list[Exception] = []
        self.events: list[tuple[str, bytes]] = []
        parts = Parts(
            contract_of(settings),
            self._publish,
            now=lambda: NOW,
            clock=self.clock.seconds,
            report=self.defects.append,
        )
        limits = Limits()
        way = Quick(MOCHIWEB, Routes("events", "profiles"), limits, lambda: NOW, self._sink)
        service = Service(parts)
        self.factory = LimitedFactory(service.answer, self.clock, limits, None, Admission())
        if quick:
            self.factory.quick = way.answer
        if contract == "modern":
            self.factory.refusal = refusal_of(settings)

    async def _publish(self, events: Sequence[Event]) -> list[Outcome]:
        self.events += [(event.queue, event.body) for event in events]
        return [Outcome.STORED] * len(events)

    def _sink(self, events: Sequence[Event], stored: bytes, refused: bytes) -> bytes:
        self.events += [(event.queue, event.body) for event in events]
        return stored

    def play(self, data: list[bytes]) -> Played:
        """Return what the pieces *data* lead to.

        :raises Finding: the front did what it must not do.
        """
        self.events.clear()
        wire = Wire(peerAddress=PEER)
        protocol = self.factory.buildProtocol(PEER)
        assert isinstance(protocol, HttpProtocol)
        protocol.makeConnection(wire)
        with in_time():
            for piece in data:
                if not wire.disconnecting:
                    protocol.dataReceived(piece)
            calm = not wire.disconnecting
            protocol.readConnectionLost()
            self.clock.advance(0)
            for _ in range(4):
                self.factory.sweep()
        ended = wire.disconnecting
        protocol.connectionLost()
        self._check(ended)
        return Played(wire.value(), tuple(self.events), calm)

    def _check(self, ended: bool) -> None:
        if self.defects:
            raise Finding(f"a defect was reported: {self.defects.pop()!r}")
        if not ended:
            raise Finding("the connection stays open though the client sends no more")
        if self.factory.connections or self.factory.in_flight or self.factory.admission.open:
            raise Finding("something of the connection is left behind")


@contextmanager
def in_time() -> Iterator[None]:
    """Raise ``Finding`` in what is under way after ``SLOW`` seconds."""

    def stop(_: int, frame: FrameType | None) -> None:
        raise _Stuck(f"still under way after {SLOW:.0f} s, at {frame}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SLOW)
    try:
        yield
    except _Stuck as stuck:
        raise Finding(str(stuck)) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kinds(said: bytes) -> tuple[bytes, ...]:
    """Return status, and what of the head and the body tells one answer from another.

    :raises Finding: the bytes are no HTTP responses, or one says that we failed.
    """
    found: list[bytes] = []
    at = 0
    while at < len(said):
        head = _HEAD.match(said, at)
        if head is None:
            raise Finding(f"this is no answer: {said[at : at + 80]!r}")
        at = head.end()
        if head[1] == b"500":
            raise Finding("an answer says 500")
        length = _LENGTH.search(head[2])
        # Behind an answer to HEAD comes the next one.
        left_out = length is None or said.startswith(b"HTTP/1.", at)
        body = b"" if left_out or length is None else said[at : at + int(length[1])]
        at += len(body)
        found.append(head[1] + (body if len(body) < 90 else b""))
    return tuple(found)


def alike(quick: Played, slow: Played) -> bool:
    """Say whether the quick way did the same.

    A head may be a little longer there before it is refused: what came in two reads is read as one,
    and limits of a head are kept to within one read. So it may not be refused yet, or for what is
    wrong further on.
    """
    before, refused, _ = slow.said.partition(b"HTTP/1.1 431 ")
    later = quick.said.removeprefix(before)
    late = refused and quick.said == before + later and later[:13] in (b"", b"HTTP/1.1 400 ")
    return quick.events == slow.events and (quick == slow or bool(late))


@dataclass(frozen=True)
class Search:
    """One search with its fronts; every input goes to each of them."""

    fronts: dict[str, Front]
    chance: random.Random
    found: list[bytes]
    seen: set[tuple[object, ...]]

    @classmethod
    def begin(cls, seed: int) -> "Search":
        """Return a search that makes the same inputs for the same *seed*."""
        fronts = {name: Front(name) for name in CONTRACTS}
        fronts["quick"] = Front("classic", quick=True)
        return cls(fronts, random.Random(seed), corpus(seed), set())

    def step(self) -> list[bytes]:
        """Play one input; return its pieces.

        :raises Finding: with the pieces as its second argument.
        """
        text = changed(self.chance.choice(self.found), self.found, self.chance)
        data = pieces(text, self.chance)
        try:
            played = {name: front.play(data) for name, front in self.fronts.items()}
            sign = tuple(kinds(each.said)[:3] for each in played.values())
            if not alike(played["quick"], played["classic"]):
                raise Finding(f"the quick way differs: {played['quick']} {played['classic']}")
        except Finding as finding:
            raise Finding(str(finding), data) from None
        except Exception as error:
            raise Finding(f"it raises {error!r}", data) from error
        if sign not in self.seen:
            self.seen.add(sign)
            if len(self.found) < KEPT and len(text) < LONGEST:
                self.found.append(text)
        return data


def resident() -> int:
    """Return the memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def search_until(search: Search, over: Callable[[], bool], say: Callable[[str], None]) -> int:
    """Play inputs until *over*; return how many.

    :raises Finding: an input did what it must not, or memory grows without an end.
    """
    count, sizes, said = 0, list[int](), time.monotonic()
    while not over():
        search.step()
        count += 1
        if count % 2000 == 0:
            gc.collect()
            sizes.append(len(gc.get_objects()))
        if time.monotonic() - said > 30:
            said = time.monotonic()
            say(f"{count} inputs, {len(search.seen)} kinds of answers, {resident() >> 20} MiB")
    kept = 50 * len(search.found)
    if len(sizes) > 4 and sizes[-1] > 1.2 * sizes[1] + kept:
        raise Finding(f"objects grow: {sizes[1]} -> {sizes[-1]}", [])
    return count


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long to search.")
@click.option("--seed", type=int, help="Make the inputs of this seed [default: the time].")
@click.option("--out", default="fuzz-findings", type=click.Path(path_type=Path))
def main(minutes: float, seed: int | None, out: Path) -> None:
    """Search for input that the HTTP front does not bear."""
    seed = int(time.time()) if seed is None else seed
    end = time.monotonic() + 60 * minutes
    began = resident()
    click.echo(f"seed {seed}")
    try:
        count = search_until(Search.begin(seed), lambda: time.monotonic() > end, click.echo)
    except Finding as finding:
        what, data = finding.args
        out.mkdir(exist_ok=True)
        place = out / f"{seed}-{os.getpid()}.txt"
        place.write_text(f"{what}\n{data!r}\n")
        click.echo(f"FOUND: {what[:300]}\nthe input is in {place}")
        sys.exit(1)
    click.echo(f"{count} inputs, nothing found; memory {began >> 20} -> {resident() >> 20} MiB")


if __name__ == "__main__":
    main()
