"""What the page is sent: times and counts as they are, and nothing hidden in any text."""

from typing import Any

import msgspec

from compare.live.history import History
from compare.live.judged import Judged, shown
from compare.live.roster import Roster
from compare.live.state import GONE_SHOWN, judged_data, now_data, series_data
from compare.live.testing import proxy_status, tap_status
from compare.live.view import View
from shadow.serving.statusfiles import Told, Unreadable
from shadow.status import QueueStatus, Status

NOW = 1_795_000_000.0
HOSTILE = "a\u202eb\x00\ud800"


def view(*told: Status, alive: bool = True, **judged: Any) -> View:
    roster, history = Roster(lambda pid: alive), History()
    for second in (-10, 0):
        roster.take(Told(told))
        history.add(NOW + second, roster.totals(NOW))
    return View(
        run="first",
        at=NOW,
        judged=Judged(**{"state": "recording", "at": NOW - 1, **judged}),
        members=roster.members(NOW),
        totals=roster.totals(NOW),
        history=history,
        unreadable=(Unreadable(HOSTILE, HOSTILE),),
    )


def test_what_is_under_way_is_no_fault_of_the_ledger() -> None:
    status = proxy_status(NOW, 1, 5, ledger={"received": 10, "mirrored": 5, "remainder": 5})
    ledger = now_data(view(status))["ledger"]
    assert (ledger["under_way"], ledger["unexplained"], ledger["closes"]) == (5, 0, True)


def test_a_ledger_that_is_open_is_shown_open() -> None:
    status = proxy_status(NOW, 1, 5, ledger={"received": 50, "mirrored": 5, "remainder": 45})
    ledger = now_data(view(status))["ledger"]
    assert (ledger["under_way"], ledger["unexplained"], ledger["closes"]) == (6, 39, False)


def test_when_all_are_gone_nothing_is_under_way() -> None:
    ledger = {"received": 10, "mirrored": 5, "remainder": 5}
    status = proxy_status(NOW - 60, 1, 5, ledger=ledger)
    found = now_data(view(status, alive=False))["ledger"]
    assert (found["unexplained"], found["closes"]) == (5, False)


def test_of_a_finished_run_the_ledger_is_its_own() -> None:
    found = now_data(view(state="complete", final=True, ledger={"received": 9, "remainder": 0}))
    assert found["phase"] == "ended"
    assert found["clients"]["level"] == "ended"
    assert found["ledger"]["counts"]["received"] == 9
    assert found["ledger"]["closes"]


def test_what_is_not_known_of_a_queue_is_none() -> None:
    status = tap_status(NOW, 2, 3, queues={"legacy events": QueueStatus(read=3)})
    queue = now_data(view(status))["queues"]["legacy events"]
    assert queue["read"] == 3
    assert {queue[name] for name in ("lag", "behind", "depth", "age", "discarded")} == {None}


def test_nothing_is_hidden_in_any_text() -> None:
    status = proxy_status(NOW, 1, 5, name=HOSTILE, error=HOSTILE, stage=HOSTILE)
    status.more["switch"] = HOSTILE
    told = msgspec.json.encode(now_data(view(status, why=shown(HOSTILE))))
    assert b"\xe2\x80\xae" not in told
    assert b"\\u0000" not in told.replace(b"\\\\u0000", b"")
    assert rb"\\u202e" in told


def test_the_living_come_first_and_of_the_gone_the_last() -> None:
    gone = [proxy_status(NOW - 100 + n, 1, 5, name=f"gone-{n:02d}", ending=True) for n in range(20)]
    found = now_data(view(*gone, proxy_status(NOW, 2, 5, name="here")))
    names = [one["name"] for one in found["processes"]]
    assert names[:2] == ["here", "gone-19"]
    assert len(names) == 1 + GONE_SHOWN
    assert found["all_processes"] == 21


def test_the_time_that_is_left_is_told_at_the_present_rate() -> None:
    found = view(proxy_status(NOW, 1, 5), needs=1000, requests={"distinct": 3000})
    found.distinct_rate = 50.0
    verdict = now_data(found)["verdict"]
    assert (verdict["remaining_seconds"], verdict["progress"]) == (20.0, 0.75)
    found.distinct_rate = None
    assert now_data(found)["verdict"]["remaining_seconds"] is None


def test_a_series_has_a_value_for_each_time() -> None:
    data = series_data(view(proxy_status(NOW, 1, 5)))
    assert data["at"] == [NOW - 10, NOW]
    assert {len(values) for values in data["values"].values()} == {2}
    assert set(now_data(view(proxy_status(NOW, 1, 5)))["point"]) == set(data["values"])


def test_a_look_is_passed_on_as_it_was_told() -> None:
    found = judged_data(view(reasons=["x"], all_causes=7, policy="p"))
    assert (found["reasons"], found["all_causes"], found["policy"]) == (["x"], 7, "p")
