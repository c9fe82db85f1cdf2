"""Settings -> where events are stored: the queue, guarded by a spool if that is asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pyingest.durability.acknowledgement import Ack, Circuit, DurableOptions, DurableStatus
from pyingest.durability.durable import DurableQueue
from pyingest.durability.spool import open_spool
from pyingest.queues.interface import Queue, QueueError
from pyingest.queues.kestrel_fleet import KestrelFleet
from pyingest.queues.opening import open_queue
from pyingest.serving.metrics import Family, Sample
from pyingest.serving.settings import Settings
from pyingest.traffic.servers import Servers

CIRCUIT = Family(
    "mixmigrate_queue_circuit", "gauge", "Queue: 0 in use, 1 being probed, 2 left alone.", True
)
SPOOLED = Family("mixmigrate_spool_events", "gauge", "Events that wait in the spool.")
SPOOL_BYTES = Family("mixmigrate_spool_bytes", "gauge", "Bytes of the spool's files.")
OLDEST = Family("mixmigrate_spool_oldest_seconds", "gauge", "Age of the oldest in the spool.", True)
WAYS = Family("mixmigrate_queue_events_total", "counter", "Events at queue and spool, by what.")
DAMAGE = Family("mixmigrate_spool_cut_bytes_total", "counter", "Bytes of torn records in spools.")
ADOPTED = Family("mixmigrate_spools_adopted_total", "counter", "Spools of dead workers taken over.")
DURABLE_FAMILIES = (CIRCUIT, SPOOLED, SPOOL_BYTES, OLDEST, WAYS, DAMAGE, ADOPTED)
_STATES = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2}


class Guarded(Protocol):
    """A queue that knows its state."""

    def status(self) -> DurableStatus:
        """Return it."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where events are stored."""

    queue: Queue
    watch: "Watch | None" = None
    """What is known of its state, if it is guarded."""
    servers: Servers | None = None
    """What is known of the queue's servers, if it has several."""


def open_backend(reactor: Any, url: str) -> tuple[Queue, Servers | None]:
    """Return the queue that *url* names, and the state of its servers if it has several.

    :raises QueueError: it cannot be opened.
    """
    queue = open_queue(reactor, url)
    return queue, queue.servers if isinstance(queue, KestrelFleet) else None


def open_store(reactor: Any, settings: Settings) -> Store:
    """Return the queue for events, guarded if that is asked.

    :raises QueueError: the queue or the spool cannot be opened.
    """
    wanted = settings.spool
    if wanted.ack == "spool" and not wanted.directory:
        raise QueueError('spool.ack = "spool" needs spool.directory (--spool DIR): name one')
    if not wanted.directory and wanted.ack == "queue":
        queue, servers = open_backend(reactor, settings.queue.url)
        return Store(queue, servers=servers)
    spool = None
    if wanted.directory:
        spool = open_spool(reactor, Path(wanted.directory), wanted.bytes)
    backend, servers = open_backend(reactor, settings.queue.url)
    options = DurableOptions(patience=wanted.patience)
    guarded = DurableQueue(reactor, backend, spool, Ack(wanted.ack), options)
    return Store(guarded, Watch(guarded, wanted.bytes), servers)


class Watch:
    """What operators and load balancers are told of a guarded queue.

    :param limit: bytes that its spool may take.
    """

    def __init__(self, guarded: Guarded, limit: int) -> None:
        self._guarded = guarded
        self._limit = limit

    def problem(self) -> str:
        """Return why an event could not be stored now; empty when it could."""
        return problem(self._guarded.status(), self._limit)

    def samples(self) -> list[Sample]:
        """Return the state as numbers."""
        return samples(self._guarded.status())


def problem(status: DurableStatus, limit: int) -> str:
    """Return why an event could not be stored now; empty when it could.

    The queue may be away as long as there is room in the spool. While events wait there, new
    ones go behind them, so that a full spool counts however the queue is.
    """
    if status.trouble and status.circuit is not Circuit.CLOSED:
        return f"spool: {status.trouble}"
    if status.policy is not Ack.MEMORY and status.spooled_bytes >= limit:
        return f"spool: {status.spooled_bytes} bytes, it is full"
    return ""


def samples(status: DurableStatus) -> list[Sample]:
    """Return *status* as samples."""
    ways = {
        "direct": status.direct,
        "spooled": status.taken,
        "drained": status.drained,
        "possible_duplicate": status.possible_duplicates,
        "refused": status.refused,
        "set_aside": status.set_aside,
    }
    return [
        Sample(CIRCUIT.name, (), _STATES[status.circuit]),
        Sample(SPOOLED.name, (), status.spooled_events),
        Sample(SPOOL_BYTES.name, (), status.spooled_bytes),
        Sample(OLDEST.name, (), status.oldest_seconds),
        Sample(DAMAGE.name, (), status.cut_bytes),
        Sample(ADOPTED.name, (), status.adopted),
        *(Sample(WAYS.name, (("what", what),), count) for what, count in ways.items()),
    ]
