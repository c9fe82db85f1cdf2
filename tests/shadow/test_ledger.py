"""The ledger closes, whatever happens."""

from random import Random

from shadow.exchange import Failed, Failure, NotMirrored, Outcome, Reason
from shadow.ledger import Ledger
from shadow.testing import ONE

LOST = Failed(Failure.RESET, "", 0.0)
OUTCOMES: list[Outcome] = [ONE, LOST, *(Failed(kind, "", 0.0) for kind in Failure)]


def test_every_request_is_in_one_bucket() -> None:
    random, ledger = Random(3), Ledger()
    for _ in range(2_000):
        ledger.received += 1
        ledger.legacy_ended(random.choice(OUTCOMES))
        if random.random() < 0.5:
            ledger.candidate_ended(NotMirrored(random.choice(list(Reason))))
        else:
            ledger.mirrored += 1
            ledger.candidate_ended(random.choice(OUTCOMES))
    assert ledger.remainder == 0
    assert ledger.pending == 0
    assert ledger.legacy_answered + ledger.legacy_failed == 2_000


def test_failures_of_legacy_are_counted_by_kind() -> None:
    ledger = Ledger()
    for kind in (Failure.REFUSED, Failure.TIMED_OUT, Failure.TIMED_OUT, Failure.MALFORMED):
        ledger.legacy_ended(Failed(kind, "", 0.0))
    ledger.legacy_ended(LOST)
    assert (ledger.legacy_refused, ledger.legacy_timed_out) == (1, 2)
    assert (ledger.legacy_malformed, ledger.legacy_reset, ledger.legacy_failed) == (1, 1, 5)


def test_a_request_without_a_bucket_is_the_remainder() -> None:
    ledger = Ledger(received=3, mirrored=2, candidate_answered=1)
    assert (ledger.remainder, ledger.pending) == (1, 1)
    assert ledger.to_dict()["remainder"] == 1
