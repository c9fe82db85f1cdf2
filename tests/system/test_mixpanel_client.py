"""The newest `mixpanel` client, pointed at the proxy, hears success and loses nothing."""

import json
import subprocess
from pathlib import Path

import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel

from replay.legacy import Erlang
from replay.rig import COMMAND
from shadow.exchange import Side
from shadow.recording import RunReader

ROUNDS = 50


def consumers(url: str) -> list[Consumer | BufferedConsumer]:
    places = {"events_url": f"{url}/track", "people_url": f"{url}/engage"}
    return [Consumer(**places), BufferedConsumer(max_size=20, **places)]


def every_call(client: Mixpanel, person: str) -> int:
    """Make each call that /track and /engage serve; return how many events that is."""
    client.track(person, "Signed Up", {"plan": "pro", "price": 9.99, "näme": "Zoë \U0001f600"})
    client.people_set(person, {"$email": f"{person}@example.test", "age": 33})
    client.people_set_once(person, {"first": "2011-08-05"})
    client.people_increment(person, {"logins": 1})
    client.people_append(person, {"seen": "report"})
    client.people_union(person, {"tags": ["a", "b"]})
    client.people_unset(person, ["age"])
    client.people_remove(person, {"seen": "report"})
    client.people_delete(person)
    client.people_update({"$distinct_id": person, "$set": {"last": None}})
    return 10


@pytest.mark.erlang
@pytest.mark.timeout(180)
def test_a_thousand_events_of_all_calls_are_queued_by_both_sides(
    stack: type, erlang: Erlang, tmp_path: Path
) -> None:
    rig = stack(legacy=erlang)
    sent = 0
    for number, consumer in enumerate(consumers(rig.url)):
        client = Mixpanel("token-of-the-test", consumer=consumer)
        sent += sum(every_call(client, f"person-{number}-{each}") for each in range(ROUNDS))
        if isinstance(consumer, BufferedConsumer):
            consumer.flush()
    rig.stop()

    run = RunReader(rig.options.run)
    queued = dict.fromkeys(Side, 0)
    for number in run.partitions:
        for event in run.events(number):
            queued[event.side] += 1
    assert (sent, queued) == (1000, {Side.LEGACY: 1000, Side.CANDIDATE: 1000})

    command = [*COMMAND, "compare", str(rig.options.run), "--out", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout + done.stderr  # all agree; 1 000 are too few to PASS
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["causes"] == []
