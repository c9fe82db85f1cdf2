"""The ledger closes, whatever happens."""

from random import Random

import pytest

from shadow.exchange import Failed, Failure, NotMirrored, Reason, Side
from shadow.ledger import Ledger
from shadow.relaying.raw import RawAnswer
from shadow.testing import RAW_ONE

LOST = Failed(Failure.RESET, "", 0.0)
ENDS: list[RawAnswer | Failed] = [RAW_ONE, LOST, *(Failed(kind, "", 0.0) for kind in Failure)]


@pytest.mark.parametrize("owners", [[Side.LEGACY], [Side.CANDIDATE], list(Side)])
def test_every_request_is_in_one_bucket_whoever_owns_it(owners: list[Side]) -> None:
    random, ledger = Random(3), Ledger()
    for _ in range(2_000):
        ledger.received += 1
        owner = random.choice(owners)
        other = Side.CANDIDATE if owner is Side.LEGACY else Side.LEGACY
        ledger.owner_ended(owner, random.choice(ENDS))
        if random.random() < 0.5:
            ledger.copy_ended(other, NotMirrored(random.choice(list(Reason))))
        else:
            ledger.mirrored += 1
            ledger.copy_ended(other, random.choice(ENDS))
    assert (ledger.remainder, ledger.pending, ledger.owned) == (0, 0, 2_000)


def test_a_side_counts_what_it_did_in_both_roles() -> None:
    ledger = Ledger(received=2, mirrored=1)
    ledger.owner_ended(Side.CANDIDATE, LOST)
    ledger.copy_ended(Side.LEGACY, RAW_ONE)
    ledger.owner_ended(Side.LEGACY, RAW_ONE)
    assert (ledger.legacy_answered, ledger.owner_legacy_answered) == (2, 1)
    assert (ledger.candidate_failed, ledger.owner_candidate_failed) == (1, 1)


def test_failures_of_legacy_are_counted_by_kind() -> None:
    ledger = Ledger()
    for kind in (Failure.REFUSED, Failure.TIMED_OUT, Failure.TIMED_OUT, Failure.MALFORMED):
        ledger.owner_ended(Side.LEGACY, Failed(kind, "", 0.0))
    ledger.copy_ended(Side.LEGACY, LOST)
    assert (ledger.legacy_refused, ledger.legacy_timed_out) == (1, 2)
    assert (ledger.legacy_malformed, ledger.legacy_reset, ledger.legacy_failed) == (1, 1, 5)


def test_a_request_without_a_bucket_is_the_remainder() -> None:
    ledger = Ledger(received=3, mirrored=2, candidate_answered=1)
    assert (ledger.remainder, ledger.pending) == (1, 1)
    assert ledger.to_dict()["remainder"] == 1
