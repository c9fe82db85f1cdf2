"""Our proxy's data plane alone, as its peers are: nothing is tapped, nothing recorded.

``python -m benchmarks.proxy_peers.ours [--loop twisted|lean] PORT LEGACY_PORT [CANDIDATE_PORT]``.
At its end it prints the ledger.
"""

import argparse
import json
import random
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shadow.proxy import Proxy
    from shadow.relaying.door import Door


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=("twisted", "lean"), default="twisted")
    parser.add_argument("ports", type=int, nargs="+")
    options = parser.parse_args()
    serve(options.loop, *options.ports)


def serve(loop: str, port: int, legacy: int, candidate: int | None = None) -> None:
    """Proxy on *port*; copies go to *candidate*, if there is one."""
    from pyingest.loops import begin_loop

    reactor = begin_loop(loop)

    from shadow.breaker import Breaker, BreakerLimits
    from shadow.exchange import Reason, Side
    from shadow.lane import Lane, LaneLimits
    from shadow.proxy import Proxy
    from shadow.relaying.door import Door
    from shadow.relaying.mirror import Mirror
    from shadow.relaying.pool import Pool, PoolLimits
    from shadow.routing import Route
    from shadow.serving.front import KEPT

    lane, limits = LaneLimits(), BreakerLimits()
    copies = {}
    if candidate is not None:
        bounds = PoolLimits(connections=lane.in_flight, kept=KEPT, aside=True)
        pool = Pool(reactor, "127.0.0.1", candidate, bounds)
        breaker = Breaker(limits, lambda: random.uniform(0.8, 1.2))
        copies[Side.CANDIDATE] = Mirror(reactor, pool, Lane(lane), breaker)

    route = Route(skip=None if copies else Reason.NOT_SAMPLED)

    class Always:
        """Routes everything alike."""

        def route(self, request: object) -> Route:
            """Return the one route."""
            return route

    owners = {Side.LEGACY: Pool(reactor, "127.0.0.1", legacy)}
    proxy = Proxy(reactor, owners, copies, Always())
    door = Door(proxy.ask, proxy.refused, reactor)
    listen(reactor, proxy, door, port)


def listen(reactor: Any, proxy: "Proxy", door: "Door", port: int) -> None:
    """Serve on *port* until SIGTERM; print the ledger when it closes."""
    listening = reactor.listenTCP(port, door, 1024, "127.0.0.1")

    def stop() -> None:
        listening.stopListening()
        proxy.abandon()
        reactor.callLater(11.0 if proxy.ledger.pending else 0.2, tell)

    def tell() -> None:
        print(json.dumps(proxy.ledger.to_dict()), flush=True)
        reactor.stop()

    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(stop))
    print("ready", flush=True)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
