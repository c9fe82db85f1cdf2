"""The obvious Twisted proxy: a resource of twisted.web that asks with treq, and mirrors with it.

``python -m benchmarks.proxy_peers.treq_proxy PORT LEGACY_PORT [CANDIDATE_PORT]``
"""

import sys
from typing import Any

import treq
from twisted.internet import reactor
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

_OF_ONE_CONNECTION = {b"connection", b"host", b"content-length", b"transfer-encoding"}
loop: Any = reactor


class Proxy(Resource):
    """Takes every path; the candidate's copy is sent off and forgotten."""

    isLeaf = True

    def __init__(self, legacy: int, candidate: int | None) -> None:
        super().__init__()
        pool = HTTPConnectionPool(loop)
        pool.maxPersistentPerHost = 256
        self._agent = Agent(loop, pool=pool)
        self._legacy = legacy
        self._candidate = candidate

    def render(self, request: Any) -> int:
        """Ask legacy; answer with what it says."""
        body = request.content.read()
        headers = Headers(
            {
                name: values
                for name, values in request.requestHeaders.getAllRawHeaders()
                if name.lower() not in _OF_ONE_CONNECTION
            }
        )
        if self._candidate is not None:
            copy = self._ask(request, self._candidate, headers, body)
            copy.addCallback(treq.content)
            copy.addErrback(lambda failure: None)
        request.gone = False
        request.notifyFinish().addErrback(self._leave, request)
        coming = self._ask(request, self._legacy, headers, body)
        coming.addCallback(self._answer, request)
        coming.addErrback(self._fail, request)
        return NOT_DONE_YET

    def _ask(self, request: Any, port: int, headers: Headers, body: bytes) -> Any:
        url = b"http://127.0.0.1:%d%b" % (port, request.uri)
        return treq.request(
            request.method.decode("ascii"), url, headers=headers, data=body, agent=self._agent
        )

    def _answer(self, response: Any, request: Any) -> Any:
        request.setResponseCode(response.code)
        for name, values in response.headers.getAllRawHeaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                request.responseHeaders.setRawHeaders(name, values)
        return treq.content(response).addCallback(self._finish, request)

    def _finish(self, body: bytes, request: Any) -> None:
        if request.gone:
            return
        request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(body)
        request.finish()

    def _leave(self, failure: Any, request: Any) -> None:
        request.gone = True

    def _fail(self, failure: Any, request: Any) -> None:
        if not request.gone:
            request.setResponseCode(502)
            request.finish()


if __name__ == "__main__":
    port, legacy, *others = map(int, sys.argv[1:])
    loop.listenTCP(port, Site(Proxy(legacy, others[0] if others else None)), 1024, "127.0.0.1")
    print("ready", flush=True)
    loop.run(installSignalHandlers=False)
