"""What it costs to know who sends what, beside exact counts of every token, in the same run.

``python -m benchmarks.traffic [--requests 20000] [--rounds 5]``

Requests of one event and of fifty are observed, with few tokens and with many (by a power law).
``Counter`` is the least that can be done: one exact count by token, no windows, no bytes, no
reasons, and memory that grows with the tokens. Printed is processor time, the median of the rounds.
"""

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence

from pyingest.event import Event
from pyingest.ingest import Decision
from pyingest.message import Response
from pyingest.queues.interface import Outcome
from pyingest.traffic.observer import Traffic

ANSWER = Response(200)
BODY = (
    b'{"event":"View","properties":{"token":"5b1d0e3f8c7a49629d0c1e2f3a4b5c6d",'
    b'"distinct_id":"u1","time":1334700000,"mp_lib":"web","more":"' + b"x" * 200 + b'"}}'
)
Observe = Callable[[Decision, int, Sequence[Outcome]], object]


def decisions(tokens: int, events: int, requests: int) -> list[Decision]:
    """Return requests of *events* events each, from one of *tokens* tokens by a power law."""
    rng = random.Random(tokens)
    found = []
    for _ in range(requests):
        token = f"{min(int(rng.paretovariate(0.7)), tokens):032x}"
        found.append(
            Decision((Event("events", BODY),) * events, ANSWER, ANSWER, (), (token,) * events)
        )
    return found


def counter() -> Observe:
    """Return the way of one exact count by token."""
    counts: Counter[str] = Counter()
    return lambda decision, size, outcomes: counts.update(decision.tokens)


def timed(observe: Observe, requests: list[Decision], events: int) -> float:
    """Return the processor seconds of one request."""
    outcomes = [Outcome.STORED] * events
    before = time.process_time()
    for decision in requests:
        observe(decision, 400 * events, outcomes)
    return (time.process_time() - before) / len(requests)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{'':<32}{'traffic, us':>14}{'an event, us':>14}{'Counter, us':>14}")
    for tokens in (10, 1_000, 100_000, 10_000_000):
        for events in (1, 50):
            requests = decisions(tokens, events, given.requests // events)
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(given.rounds):
                ours.append(timed(Traffic(time.time).observe, requests, events))
                theirs.append(timed(counter(), requests, events))
            own, other = statistics.median(ours) * 1e6, statistics.median(theirs) * 1e6
            name = f"{tokens} tokens, requests of {events}"
            print(f"{name:<32}{own:>14.2f}{own / events:>14.2f}{other:>14.2f}")


if __name__ == "__main__":
    main()
