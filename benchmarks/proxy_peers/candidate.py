"""A candidate that behaves as told; what it does must not reach the proxy's clients.

``python -m benchmarks.proxy_peers.candidate PORT BEHAVIOUR [SOCKET]``: ``healthy``, ``slow``
(answers after 200 ms), ``hanging`` (never answers), ``resetting``, ``garbage``, ``endless`` (a body
without end) or ``flapping`` (a second healthy, a second resetting). One that refuses is one that
was not started.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from pathlib import Path

ONE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
GARBAGE = b"\x16\x03\x01\x00 certainly no HTTP\r\n\r\n" * 4
PIECE = b"x" * 65536
SLOW_SECONDS = 0.2
BEHAVIOURS = ("healthy", "slow", "hanging", "resetting", "garbage", "endless", "flapping")


class Server(asyncio.Protocol):
    """One connection. A request is counted by the end of its head; bodies are not looked at."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self._writing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to write."""
        if self._writing is not None:
            self._writing.cancel()

    def data_received(self, data: bytes) -> None:
        """Do as told with each request whose head ends in *data*."""
        for _ in range(data.count(b"\r\n\r\n")):
            self._behave()

    def _behave(self) -> None:
        behaviour = self._behaviour
        if behaviour == "flapping":
            behaviour = "healthy" if int(time.monotonic()) % 2 else "resetting"
        match behaviour:
            case "healthy":
                self._transport.write(ONE)
            case "slow":
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._late)
            case "resetting":
                self._reset()
            case "garbage":
                self._transport.write(GARBAGE)
            case "endless":
                self._writing = asyncio.ensure_future(self._write_on())

    def _late(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ONE)

    def _reset(self) -> None:
        """Close so that the other end hears a reset."""
        linger = struct.pack("ii", 1, 0)
        handle = self._transport.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.close()

    async def _write_on(self) -> None:
        self._transport.write(ENDLESS)
        while not self._transport.is_closing():
            if self._transport.get_write_buffer_size() < 4 * len(PIECE):
                self._transport.write(PIECE)
            await asyncio.sleep(0.001)


async def main(port: int, behaviour: str, *paths: str) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(behaviour), "127.0.0.1", port, backlog=1024)
    for path in paths:
        await loop.create_unix_server(lambda: Server(behaviour), path, backlog=1024)
        Path(path).chmod(0o666)  # nginx has workers that are somebody else
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
