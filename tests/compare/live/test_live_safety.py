"""Whether the clients are safe: every rule, and that calm is calm."""

from typing import Any

import pytest

from compare.live.history import History
from compare.live.roster import Roster
from compare.live.safety import Level, Safety, safety
from compare.live.tax import Tax
from compare.live.testing import proxy_status, tap_status
from shadow.serving.statusfiles import Told
from shadow.status import SideStatus, Status

NOW = 1_795_000_000.0


def fares(
    *told: Status, before: Status | None = None, alive: bool = True, later: float = 0.0
) -> Safety:
    """Return how clients fare after *told*; *before* is what the first told ten seconds ago."""
    roster, history = Roster(lambda pid: alive), History()
    roster.take(Told((before or proxy_status(NOW - 10, 1, 0),)))
    history.add(NOW - 10, roster.totals(NOW - 10))
    roster.take(Told(told))
    now = NOW + later
    history.add(now, roster.totals(now))
    return safety(roster.members(now), roster.totals(now), history.recent)


def sides(legacy: SideStatus, candidate: SideStatus | None = None) -> dict[str, Any]:
    return {"legacy": legacy, "candidate": candidate or SideStatus(answered=1000)}


def test_all_is_well() -> None:
    found = fares(proxy_status(NOW, 1, 1000), tap_status(NOW, 2, 1000))
    assert found.level is Level.SAFE
    assert "all 1,000 calls of the last 10 s were answered by legacy" in found.why


def test_nothing_is_known_when_nobody_tells() -> None:
    assert safety([], Roster(lambda pid: True).totals(NOW), History().recent).level is Level.UNKNOWN


@pytest.mark.parametrize(
    ("side", "level"),
    [
        (SideStatus(answered=1000, errors=1), Level.WATCH),
        (SideStatus(answered=999, failed=1), Level.WATCH),
        (SideStatus(answered=990, failed=10), Level.AT_RISK),
        (SideStatus(answered=1000, errors=50), Level.AT_RISK),
    ],
)
def test_calls_without_a_good_answer_are_told(side: SideStatus, level: Level) -> None:
    found = fares(proxy_status(NOW, 1, 1000, sides=sides(side)))
    assert found.level is level
    assert "legacy, which clients hear, failed" in found.why[0]


@pytest.mark.parametrize(
    ("stage", "level"),
    [("shadow", Level.SAFE), ("ramp 25", Level.AT_RISK), ("flipped", Level.AT_RISK)],
)
def test_what_the_candidate_fails_matters_from_the_stage_on_in_which_clients_hear_it(
    stage: str, level: Level
) -> None:
    bad = sides(SideStatus(answered=1000), SideStatus(answered=500, failed=500))
    assert fares(proxy_status(NOW, 1, 1000, sides=bad, stage=stage)).level is level


def test_what_legacy_fails_matters_no_more_when_the_candidate_answers_all() -> None:
    bad = sides(SideStatus(failed=1000))
    assert fares(proxy_status(NOW, 1, 1000, sides=bad, stage="flipped")).level is Level.SAFE


def test_a_dead_proxy_is_a_risk_at_first_and_forgotten_when_others_work() -> None:
    other = proxy_status(NOW + 100, 2, 5, name="proxy-1")
    assert fares(proxy_status(NOW, 1, 5), alive=False, later=5).level is Level.AT_RISK
    assert fares(proxy_status(NOW, 1, 5), other, alive=False, later=100).level is Level.SAFE


def test_no_proxy_at_all_is_a_risk_however_long_ago() -> None:
    found = fares(proxy_status(NOW, 1, 5), alive=False, later=1000)
    assert found.level is Level.AT_RISK
    assert found.why[0] == "no proxy is alive"


def test_proxies_that_came_to_an_end_are_no_alarm() -> None:
    status = proxy_status(NOW, 1, 5, ending=True)
    assert fares(status, alive=False, later=5).level is Level.ENDED


@pytest.mark.parametrize(("name", "level"), [("proxy", Level.AT_RISK), ("tap", Level.WATCH)])
def test_silence_of_a_proxy_weighs_more_than_that_of_a_tap(name: str, level: Level) -> None:
    first = proxy_status(NOW + 10, 1, 5)
    other = proxy_status(NOW, 2, 5, name="p") if name == "proxy" else tap_status(NOW, 2, 5)
    assert fares(first, other, later=10).level is level


def test_standing_still_and_errors_are_told() -> None:
    assert fares(proxy_status(NOW, 1, 5, stall=0.3)).level is Level.WATCH
    assert fares(proxy_status(NOW, 1, 5, error="disk full")).why == ("proxy-0: disk full",)


def test_a_shadow_tax_is_told_when_it_is_beyond_chance() -> None:
    roster = Roster(lambda pid: True)
    roster.take(Told((proxy_status(NOW, 1, 1000),)))
    members, totals, recent = roster.members(NOW), roster.totals(NOW), History().recent
    felt = Tax("p99", mirrored=0.012, control=0.010, low=0.001, high=0.003)
    found = safety(members, totals, recent, [felt])
    assert found.level is Level.WATCH
    assert found.why == ("mirroring costs clients at least 1.00 ms at p99",)
    chance = Tax("p99", mirrored=0.012, control=0.010, low=-0.001, high=0.005)
    assert safety(members, totals, recent, [chance]).level is Level.SAFE


def test_the_worst_comes_first() -> None:
    bad = sides(SideStatus(answered=500, failed=500))
    found = fares(proxy_status(NOW, 1, 1000, sides=bad, stall=1.0, error="x"))
    assert found.level is Level.AT_RISK
    assert found.why[0].startswith("legacy, which clients hear")
    assert len(found.why) == 3
