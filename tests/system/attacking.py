"""A client that attacks, and what it hears."""

from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory

from shadow.doctor.answers import EchoAnswer
from shadow.doctor.echoclient import EchoClientProtocol
from shadow.doctor.framing import request_head
from shadow.exchange import Side
from tests.system.attack_backends import STATUS

reactor: Any = installed
SECONDS = 5.0
SILENCE = 0.05
"""Seconds without a byte after which a client that closes nothing leaves."""


def plain_answer(raw: bytes, side: Side, may_close: bool) -> EchoAnswer:
    """Answer 299, which neither the proxy nor a backend ever says."""
    head = request_head(raw)
    body = b"" if head is None or head.word == b"HEAD" else b"ok"
    return EchoAnswer(b"HTTP/1.1 299 Ok\r\nContent-Length: 2\r\n\r\n" + body)


async def said(port: int, data: bytes, closing: bool = True) -> bytes:
    """Return what comes back for *data* on a connection that is half closed behind them.

    :param closing: if not, nobody closes anything, and silence is the end.
    """
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    connection: Any = await endpoint.connect(Factory.forProtocol(EchoClientProtocol))
    connection.say(data)
    if closing:
        connection.transport.loseWriteConnection()
    while await connection.news(reactor, SECONDS if closing else SILENCE):
        pass
    connection.hang_up()
    return bytes(connection.heard)


def statuses(heard: bytes) -> list[int]:
    """Return the statuses of the final answers in what a client heard."""
    return [int(status) for status in STATUS.findall(heard)]
