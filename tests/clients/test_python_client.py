"""The Python client: every call succeeds by its own measure, and is on the queue once."""

import time
from collections import Counter
from collections.abc import Callable

import mixpanel
import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException

from tests.clients.ingestion import Ingestion

Calls = dict[str, Callable[[Mixpanel, str], object]]
CLASSIC: Calls = {
    "track": lambda client, mark: client.track(mark, "Signed Up", {"näme": "Zoë \U0001f600"}),
    "set": lambda client, mark: client.people_set(mark, {"$email": "a@b.test", "age": 33}),
    "set_once": lambda client, mark: client.people_set_once(mark, {"first": "2011-08-05"}),
    "increment": lambda client, mark: client.people_increment(mark, {"logins": 1}),
    "append": lambda client, mark: client.people_append(mark, {"seen": "report"}),
    "union": lambda client, mark: client.people_union(mark, {"tags": ["a", "b"]}),
    "unset": lambda client, mark: client.people_unset(mark, ["age"]),
    "remove": lambda client, mark: client.people_remove(mark, {"seen": "report"}),
    "delete": lambda client, mark: client.people_delete(mark),
    "update": lambda client, mark: client.people_update({"$distinct_id": mark, "$set": {"a": 1}}),
    "charge": lambda client, mark: client.people_track_charge(mark, 9.5),
    "clear": lambda client, mark: client.people_clear_charges(mark),
}
MODERN: Calls = CLASSIC | {
    "group_set": lambda client, mark: client.group_set("company", mark, {"plan": "pro"}),
    "group_set_once": lambda client, mark: client.group_set_once("company", mark, {"n": 1}),
    "group_union": lambda client, mark: client.group_union("company", mark, {"tags": ["a"]}),
    "group_unset": lambda client, mark: client.group_unset("company", mark, ["plan"]),
    "group_remove": lambda client, mark: client.group_remove("company", mark, {"tags": "a"}),
    "group_delete": lambda client, mark: client.group_delete("company", mark),
    "group_update": lambda client, mark: client.group_update(
        {"$group_key": "company", "$group_id": mark, "$set": {"a": 1}}
    ),
    "import": lambda client, mark: client.import_data("key", mark, "Old", time.time() - 9e6),
    "merge": lambda client, mark: client.merge("key", mark, "other"),
    "merge_secret": lambda client, mark: client.merge(None, mark, "other", api_secret="secret"),
}


def client(url: str, kind: type[Consumer | BufferedConsumer]) -> Mixpanel:
    places = {"events": "track", "people": "engage", "groups": "groups", "import": "import"}
    return Mixpanel(
        "token", consumer=kind(**{f"{key}_url": f"{url}/{at}" for key, at in places.items()})
    )


def counted(server: Ingestion, calls: Calls, using: Mixpanel, name: str) -> None:
    """Make every call; fail unless each left one message."""
    server.sink.items.clear()
    marks = [f"mark-{name}-{call}" for call in calls]
    for call, mark in zip(calls.values(), marks, strict=True):
        call(using, mark)
    if name == "buffered":
        using._consumer.flush()
    assert server.settle(len(marks)) == Counter(marks)
    assert len(server.sink.items) == len(marks)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of this machine come between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize(("name", "kind"), [("plain", Consumer), ("buffered", BufferedConsumer)])
def test_every_call_is_stored_once(
    ingestion: Ingestion, name: str, kind: type[Consumer | BufferedConsumer]
) -> None:
    """In the buffered client a call's success is that of its flush, which raises if it fails."""
    calls = MODERN if ingestion.modern else CLASSIC
    counted(ingestion, calls, client(ingestion.url, kind), name)


def test_an_alias_is_stored_once(modern: Ingestion) -> None:
    """The client sends it to its default host whatever it is told, so we send it ourselves."""
    modern.sink.items.clear()
    consumer = client(modern.url, Consumer)._consumer
    consumer.send(
        "events",
        '{"event":"$create_alias","properties":'
        '{"distinct_id":"old","alias":"mark-alias","token":"token"}}',
    )
    assert modern.settle(1) == {"mark-alias": 1}


def test_a_service_account_can_import(modern: Ingestion) -> None:
    modern.sink.items.clear()
    account = mixpanel.ServiceAccountCredentials("account", "secret", "4242")
    consumer = Consumer(import_url=f"{modern.url}/import", credentials=account)
    Mixpanel("token", consumer=consumer).import_data(None, "mark-account", "Old", 1_300_000_000)
    assert modern.settle(1) == {"mark-account": 1}


def test_a_refused_event_is_the_clients_own_error(modern: Ingestion) -> None:
    modern.sink.items.clear()
    using = Mixpanel("", consumer=client(modern.url, Consumer)._consumer)
    with pytest.raises(MixpanelException, match="token, missing or empty"):
        using.track("mark-refused", "Signed Up")
    assert modern.sink.items == []
