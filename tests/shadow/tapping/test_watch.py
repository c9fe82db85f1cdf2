"""What is known of tapped queues: lag, watermark, losses, outages, and several lives as one."""

from pyingest.queues.gauge import Gauge
from shadow.tapping.watch import Grown, Watch, merged


def test_everything_before_the_last_whole_read_has_been_read() -> None:
    watch = Watch(["events"])
    watch.succeeded(10.0, False, 10.1)
    assert watch.watermark == 0.0
    watch.succeeded(11.0, True, 11.1)
    watch.succeeded(12.0, False, 12.1)
    assert watch.watermark == 11.0


def test_the_watermark_stands_still_while_nothing_can_be_read() -> None:
    watch = Watch(["events"])
    watch.succeeded(10.0, True, 10.0)
    watch.failed("refused", 11.0)
    assert watch.status("legacy")["legacy events"].watermark == 10.0
    assert watch.status("legacy")["legacy events"].error == "refused"


def test_an_outage_is_told_with_its_length_once_it_is_over() -> None:
    watch = Watch(["events"])
    watch.failed("refused", 11.0)
    watch.failed("still refused", 12.0)
    watch.succeeded(15.5, True, 15.5)
    assert watch.told(20.0)["outages"] == [[11.0, 4.5, "still refused"]]
    assert watch.error == ""


def test_an_outage_that_lasts_is_told_up_to_now() -> None:
    watch = Watch(["events"])
    watch.failed("refused", 11.0)
    assert watch.told(13.0)["outages"] == [[11.0, 2.0, "refused"]]
    assert watch.told(13.0)["outage_count"] == 1


def test_the_greatest_of_each_figure_is_kept() -> None:
    watch = Watch(["events"])
    for waiting, depth, age in ((3, 50, 1.5), (9, 10, 0.5), (0, 0, 0.0)):
        watch.saw({"events": Gauge(waiting, 0, depth, age, 0)})
        watch.behind(waiting)
    told = watch.told(1.0)
    assert (told["max_lag"], told["max_depth"], told["max_age"]) == (9, 50, 1.5)
    assert told["queues"]["events"]["lag"] == 0


def test_what_was_discarded_before_the_run_does_not_count() -> None:
    watch = Watch(["events"])
    for count in (100, 100, 103):
        watch.saw({"events": Gauge(discarded=count)})
    assert watch.told(1.0)["discarded"] == 3


def test_a_loss_to_the_tap_counts_from_the_first_look() -> None:
    watch = Watch(["events"])
    watch.saw({"events": Gauge(lost=2)})
    assert watch.told(1.0)["lost"] == 2


def test_a_server_that_began_to_count_anew_is_counted_on() -> None:
    grown = Grown()
    for value in (0, 5, 2, 3):
        grown.saw(value)
    assert grown.total == 8


def test_what_no_engine_tells_stays_unknown() -> None:
    watch = Watch(["events"])
    watch.saw({"events": Gauge()})
    told = watch.told(1.0)
    assert (told["lost"], told["discarded"], told["max_depth"]) == (-1, -1, -1)


def test_a_queue_that_is_not_told_apart_shows_the_lag_of_all() -> None:
    watch = Watch(["events", "profiles"])
    watch.saw({"events": Gauge(lost=0), "profiles": Gauge(lost=0)})
    watch.behind(7)
    assert {one.lag for one in watch.status("legacy").values()} == {7}


def test_a_line_of_the_series_says_it_all() -> None:
    watch = Watch(["events"])
    watch.read("events")
    watch.succeeded(10.0, True, 10.0)
    watch.saw({"events": Gauge(4, 0, 5, 0.5, 0)})
    (line,) = watch.lines("legacy", 11.0)
    assert line == {
        "t": 11.0,
        "side": "legacy",
        "queue": "events",
        "read": 1,
        "lag": 4,
        "watermark": 10.0,
        "depth": 5,
        "age": 0.5,
        "lost": 0,
        "discarded": 0,
    }


def test_several_lives_of_a_tap_are_summed_up() -> None:
    first, second = Watch(["events"]), Watch(["events"])
    first.saw({"events": Gauge(waiting=9, lost=1)})
    first.behind(9)
    first.lost("a file was cut short")
    first.failed("refused", 1.0)
    second.saw({"events": Gauge(waiting=0, lost=2)})
    second.behind(0)
    lives = [
        {"attached": True, "backlog": -1, "read": 5, "error": "killed", **first.told(2.0)},
        {"attached": True, "backlog": 0, "read": 7, "error": "", **second.told(9.0)},
    ]
    whole = merged(lives)
    assert (whole["read"], whole["backlog"], whole["error"]) == (0 + 12, 0, "")
    assert (whole["lost"], whole["max_lag"], whole["missed_count"]) == (3, 9, 1)
    assert whole["missed"] == ["a file was cut short"]
    assert whole["outages"] == [[1.0, 1.0, "refused"]]
    assert whole["queues"]["events"]["lost"] == 3


def test_one_life_is_told_as_it_is() -> None:
    report = {"attached": True, "read": 5, "left_behind": "", **Watch(["events"]).told(1.0)}
    assert merged([report]) == report
