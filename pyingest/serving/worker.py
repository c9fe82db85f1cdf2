"""One process of several that serve on one address; its supervisor starts it and asks it."""

import os
import sys

import msgspec

from pyingest.loops import begin_loop
from pyingest.queues.interface import QueueError
from pyingest.server import ListenError
from pyingest.serving.assembly import Running, Share, assemble
from pyingest.serving.control import LISTENING, Ask, Begin
from pyingest.serving.logfile import adopt_twisted, open_log
from pyingest.serving.settings import Settings
from pyingest.serving.workerend import WorkerEnd, run

TO_WORKER: msgspec.json.Decoder[Begin[Settings] | Ask] = msgspec.json.Decoder(Begin[Settings] | Ask)


def main(loop: str) -> int:
    """Serve on that event loop until the supervisor says stop, or is gone; return the exit code."""
    reactor = begin_loop(loop)

    async def begin(told: Begin[Settings]) -> Running:
        log, _ = open_log(told.settings.logs, worker=told.slot, pid=os.getpid())
        adopt_twisted(log)
        share = Share(max(1, told.settings.listen.workers), LISTENING)
        return await assemble(reactor, told.settings, log, share)

    return run(reactor, WorkerEnd(reactor, TO_WORKER, begin, (QueueError, ListenError)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
