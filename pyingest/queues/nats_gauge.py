"""What NATS tells of a stream and of those who consume it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js.api import ConsumerInfo, StreamInfo
from nats.js.errors import NotFoundError
from nats.js.manager import JetStreamManager

from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueUrl


@dataclass(slots=True)
class Losses:
    """Counts sequences that were gone before they were read.

    Only a stream that holds nothing but the reader's subjects gives them without a gap.
    """

    lost: int = -1
    """-1: cannot be told, since the stream holds other subjects, too."""
    last: int = 0
    """The sequence up to which everything is accounted for."""

    def begin(self, stream: StreamInfo, names: Sequence[str], last: int) -> None:
        """Count from behind *last*, if that can be counted; again after a connection was lost."""
        subjects = set(stream.config.subjects or ())
        if not subjects or not subjects <= set(names):
            self.lost = -1
        elif self.lost < 0 or last < self.last:
            self.lost = max(0, self.lost)
            self.last = last

    def passed(self, sequence: int) -> None:
        """Note that a message was read."""
        if self.lost >= 0 and sequence > self.last:
            self.lost += sequence - self.last - 1
            self.last = sequence

    def kept_from(self, first: int) -> None:
        """Note the first sequence that the stream still keeps."""
        if self.lost >= 0 and first > self.last + 1:
            self.lost += first - self.last - 1
            self.last = first - 1


async def gauges(
    manager: JetStreamManager, url: QueueUrl, cursor: str, losses: Losses
) -> dict[str, Gauge]:
    """Return the gauges of the subjects of *url*; *cursor* is the reader's own consumer.

    Losses are told of the first subject: a stream counts its messages together.
    """
    stream = await manager.stream_info(url.stream)
    consumers = await manager.consumers_info(url.stream)
    losses.kept_from(stream.state.first_seq)
    own = [one for one in consumers if one.name == cursor]
    waiting = (own[0].num_pending or 0) if own and len(url.names) == 1 else -1
    found: dict[str, Gauge] = {}
    for name in url.names:
        others = [one for one in consumers if one.name != cursor and _takes(one, name)]
        slowest = max(others, key=_behind, default=None)
        lost = losses.lost if name == url.names[0] else min(losses.lost, 0)
        if slowest is None:
            found[name] = Gauge(waiting, lost)
            continue
        floor = slowest.ack_floor.stream_seq if slowest.ack_floor else 0
        found[name] = Gauge(
            waiting=waiting,
            lost=lost,
            depth=_behind(slowest),
            age=await _age(manager, url.stream, name, floor) if _behind(slowest) else 0.0,
            discarded=max(0, stream.state.first_seq - floor - 1) if losses.lost >= 0 else -1,
        )
    return found


def _takes(consumer: ConsumerInfo, name: str) -> bool:
    """Say whether a consumer gets the messages of a subject, as far as that can be seen."""
    filters = consumer.config.filter_subjects or [consumer.config.filter_subject or ""]
    return any(one in ("", name) or "*" in one or ">" in one for one in filters)


def _behind(consumer: ConsumerInfo) -> int:
    return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)


async def _age(manager: JetStreamManager, stream: str, name: str, floor: int) -> float:
    """Return the seconds since the first message of *name* behind *floor* was stored."""
    try:
        message = await manager.get_msg(stream, seq=floor + 1, subject=name, next=True)
    except NotFoundError:
        return 0.0
    if message.time is None:
        return -1.0
    return max(0.0, (datetime.now(UTC) - message.time).total_seconds())
