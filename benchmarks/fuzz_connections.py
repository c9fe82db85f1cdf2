"""Connections full of garbage against a real server, and a well-behaved client beside them.

    python -m benchmarks.fuzz_connections --connections 100000

Each connection brings a broken request, in one piece or in several, and then reads its answers,
hangs up at once, or resets. The server must stay up, need no more memory at the end than after the
first tenth, and answer the well-behaved client all the time: its slowest answers are told.
"""

import asyncio
import contextlib
import random
import resource
import socket
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.fuzz_inputs import changed, corpus, pieces
from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND
from tests.system.twins import Sink

AT_ONCE = 64
"""Garbage connections that are open at the same time."""
PATIENCE = 2.0
"""Seconds that a connection waits for its answers; the server may keep it open longer."""
REST = 0.01
"""Seconds between two requests of the well-behaved client."""
GOOD = (
    b"GET /track?data=%7B%22event%22%3A%22good%22%2C%22properties%22%3A%7B%22token%22%3A%22T%22"
    b"%7D%7D HTTP/1.1\r\nHost: a.example\r\n\r\n"
)
RESET = struct.pack("ii", 1, 0)


@dataclass
class Tally:
    """What happened so far."""

    connections: int = 0
    answered: int = 0
    """Garbage connections that heard something."""
    good: list[float] = field(default_factory=list)
    """How long each answer to the well-behaved client took, in seconds."""
    bad: list[str] = field(default_factory=list)
    """What the well-behaved client should not have heard."""
    sizes: list[int] = field(default_factory=list)
    """Memory of the server in bytes, after each tenth."""

    def percentile(self, part: float) -> float:
        """Return the time within which *part* of the good requests were answered."""
        return sorted(self.good)[int(part * (len(self.good) - 1))]


async def garbage(port: int, text: bytes, chance: random.Random, tally: Tally) -> None:
    """Live through one connection."""
    with contextlib.suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces(text, chance)[:20]:
                writer.write(piece)
                await asyncio.wait_for(writer.drain(), PATIENCE)
            way = chance.random()
            if way < 0.1:
                connected: socket.socket = writer.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            elif way < 0.8:
                writer.write_eof()
                while await asyncio.wait_for(reader.read(65_536), PATIENCE):
                    tally.answered += 1
        finally:
            writer.close()
            await writer.wait_closed()


async def behave(port: int, tally: Tally) -> None:
    """Send one good request after the other on one connection, until cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            began = time.perf_counter()
            writer.write(GOOD)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(1)
            tally.good.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 200") or body != b"1":
                tally.bad.append(repr(head + body))
            await asyncio.sleep(REST)
    except asyncio.IncompleteReadError:
        tally.bad.append("the connection was ended")
    finally:
        writer.close()
        await writer.wait_closed()


async def storm(port: int, pid: int, count: int, seed: int, sink: Sink) -> Tally:
    """Return what came of *count* garbage connections to the server *pid* at *port*."""
    tally = Tally()
    good = asyncio.create_task(behave(port, tally))
    chance, found = random.Random(seed), corpus(seed)
    tenth = max(1, count // 10)

    async def work() -> None:
        while tally.connections < count:
            tally.connections += 1
            if tally.connections % tenth == 0:
                tally.sizes.append(resident(pid))
                sink.items.clear()
            text = changed(chance.choice(found), found, chance)[:20_000]
            await garbage(port, text, chance, tally)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    good.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await good
    return tally


def resident(pid: int) -> int:
    """Return the memory of the process *pid* in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def run(directory: Path, contract: str, count: int, seed: int) -> Tally:
    """Start a server, send *count* garbage connections, stop the server in order.

    :raises ProcessError: the server ended by itself, or does not stop.
    """
    sink = Sink()
    queue = f"kestrel://{sink.address}/events,profiles"
    command = [*COMMAND, "ingest", "--listen", ANY_PORT, "--queue", queue, "--contract", contract]
    try:
        server = ServerProcess(command, directory / f"{contract}.log")
        try:
            port = int(server.address.rpartition(":")[2])
            tally = asyncio.run(storm(port, server.pid, count, seed, sink))
        finally:
            server.stop()
    finally:
        sink.close()
    return tally


@click.command()
@click.option("--connections", default=100_000, show_default=True)
@click.option("--contract", type=click.Choice(["classic", "modern"]), default="classic")
@click.option("--seed", default=20111, show_default=True)
def main(connections: int, contract: str, seed: int) -> None:
    """Send garbage to a real server, and see that it goes on."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        tally = run(Path(directory), contract, connections, seed)
        log = (Path(directory) / f"{contract}.log").read_text()
    seconds = time.monotonic() - began
    sizes = ", ".join(str(size >> 20) for size in tally.sizes)
    click.echo(f"{contract}: {tally.connections} connections in {seconds:.0f} s, no crash")
    click.echo(f"memory after each tenth, MiB: {sizes}")
    click.echo(
        f"the well-behaved client: {len(tally.good)} answers, {len(tally.bad)} bad, "
        f"p50 {tally.percentile(0.5) * 1000:.1f} ms, p99 {tally.percentile(0.99) * 1000:.1f} ms, "
        f"slowest {tally.percentile(1) * 1000:.0f} ms"
    )
    if tally.bad or "Traceback" in log or '"level":"error"' in log:
        click.echo("\n".join([*tally.bad[:3], log[-2000:]]))
        sys.exit(1)


if __name__ == "__main__":
    main()
