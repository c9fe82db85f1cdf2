"""A twisted.web server that answers each request with the method and target it saw.

    python attack_twisted_web.py

Prints ``ready twisted.web ADDRESS`` when it listens.
"""

from typing import Any

from twisted.internet import reactor as installed
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


class Seen(Resource):
    """Answers whatever is asked, under any method."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        """Return the method and the target."""
        body = b"seen %b %b\n" % (request.method, request.uri)
        return b"" if request.method == b"HEAD" else body


def main() -> None:
    """Serve until killed."""
    reactor: Any = installed
    listening = reactor.listenTCP(0, Site(Seen()), interface="127.0.0.1")
    print(f"ready twisted.web 127.0.0.1:{listening.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
