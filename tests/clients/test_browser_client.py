"""The browser client in a real Chromium: every way it sends, each event once on the queue.

The page comes from another origin than the server. In each scenario a fresh profile makes every
call; ``heard`` is what the library handed to the callbacks, ``queued`` what it still holds.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.ingestion import MARK, Ingestion, serving, without_proxies

pytestmark = pytest.mark.timeout(180)

DRIVER = Path(__file__).parent / "drivers" / "browser-calls.js"
TEXT = "Zoë \U0001f600 ~~~???>>>+"
PLAIN = "Zoë ~~~???>>>+"
"""For classic, which cannot write the halves of an emoji that this client sends (CESU-8)."""
EVENTS = ("track", "pageview", "beacon", "at_once", "opt_in")
PEOPLE = ("set", "set_once", "unset", "increment", "append", "remove", "union")
GROUPS = tuple(
    f"group_{name}" for name in ("set", "set_once", "unset", "remove", "union", "delete")
)
ANSWERED = {"track", "beacon", "at_once", "clear", *PEOPLE}
"""Calls that hand the server's answer to a callback."""
UNQUEUED: dict[str, Any] = {"batch_requests": False}
BEACONS = ("single", "verbose")
"""Here a beacon really is one, in ``text/plain``: classic reads no form in it, as legacy."""
WAYS: dict[str, dict[str, Any]] = {
    "batch": {},
    "single": UNQUEUED,
    "verbose": UNQUEUED | {"verbose": True},
    "json": {"api_payload_format": "json"},
    "get": UNQUEUED | {"api_method": "GET"},
    "header": {"xhr_headers": {"X-Test": "1"}},
    "img": UNQUEUED | {"img": True, "api_method": "GET"},
    "jsonp": UNQUEUED,
}


@dataclass(frozen=True)
class Browsed:
    """What one run of the browser led to."""

    server: Ingestion
    scenarios: dict[str, Any]

    def labels(self, name: str) -> Counter[str]:
        """Return what is on the queues from one scenario: marks, or what the message is."""
        token = f'"token-{name}"'.encode()
        return Counter(label(body) for _, body in self.server.sink.items if token in body)


def label(body: bytes) -> str:
    found = MARK.search(body)
    if found is not None:
        return found.group().decode()
    message = json.loads(body)
    return str(message.get("event") or next(key for key in message if key in OPERATIONS))


OPERATIONS = ("$set", "$set_once", "$unset", "$add", "$append", "$remove", "$union", "$delete")


def browsed(
    command: list[str],
    server: Ingestion,
    scenarios: list[dict[str, Any]],
    told: Callable[[str], None] = lambda _: None,
) -> Browsed:
    """Run *scenarios*; *told* hears ``refused`` at each 503, ``left`` at the end."""
    base = {"api_host": server.url, "batch_flush_interval_ms": 200, "persistence": "localStorage"}
    for scenario in scenarios:
        scenario["config"] = base | {"with_groups": server.modern} | scenario["config"]
    process = subprocess.Popen(
        [*command, server.url, json.dumps(scenarios)],
        stdout=subprocess.PIPE,
        text=True,
        env=without_proxies(),
    )
    assert process.stdout is not None
    last = ""
    with process:
        for line in process.stdout:
            last = line
            told(line.strip())
    assert process.returncode == 0
    return Browsed(server, json.loads(last))


@pytest.fixture(scope="module")
def command(node: str, node_modules: Path, chromium: str) -> list[str]:
    return [node, str(DRIVER), str(node_modules), chromium]


@pytest.fixture(scope="module")
def run(ingestion: Ingestion, command: list[str]) -> Browsed:
    text = TEXT if ingestion.modern else PLAIN
    scenarios: list[dict[str, Any]] = [
        {
            "name": name,
            "text": text,
            "config": config,
            "old": name == "jsonp",
            "deaf": deaf(name, ingestion),
        }
        for name, config in WAYS.items()
    ]
    scenarios += [
        {"name": "links", "click": "track_links", "id": "link", "only": [], "config": UNQUEUED},
        {"name": "forms", "click": "track_forms", "id": "form", "only": [], "config": UNQUEUED},
    ]
    return browsed(command, ingestion, scenarios)


def deaf(name: str, server: Ingestion) -> bool:
    """Say whether no answer reaches a callback: an image has none, classic knows no JSONP."""
    return name == "img" or (name == "jsonp" and not server.modern)


def expected(name: str, modern: bool) -> Counter[str]:
    calls = (*EVENTS, *PEOPLE, *GROUPS, "with_groups") if modern else (*EVENTS, *PEOPLE)
    wanted = Counter(f"mark-{name}-{call}" for call in calls)
    if name in BEACONS and not modern:
        del wanted[f"mark-{name}-beacon"]
    # After an alias the library identifies the person by it, if it heard an answer.
    hears = name != "img" and (modern or name != "jsonp")
    wanted[f"mark-{name}-alias"] = 1 + hears
    # The identified user, the referrer; the charges cleared, the profile deleted.
    return wanted + Counter(("$identify", "$set_once", "$set", "$delete"))


@pytest.mark.parametrize("name", WAYS)
def test_every_call_is_stored_once(run: Browsed, name: str) -> None:
    assert run.labels(name) == expected(name, run.server.modern)


@pytest.mark.parametrize("name", WAYS)
def test_every_call_succeeds_by_the_clients_own_measure(run: Browsed, name: str) -> None:
    done = run.scenarios[name]
    assert done["failed"] == []
    assert done["errors"] == []
    assert done["queued"] == 0
    assert {status for *_, status in done["answers"]} == {200}
    heard = done["heard"]
    assert set(heard.values()) <= {1}
    assert set(heard) >= (set() if deaf(name, run.server) else ANSWERED)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("batch", {"xhr"}),
        ("single", {"xhr", "ping"}),
        ("get", {"xhr"}),
        ("img", {"image"}),
        ("jsonp", {"script"}),
    ],
)
def test_the_browser_sent_it_in_the_way_that_was_meant(
    run: Browsed, name: str, kinds: set[str]
) -> None:
    assert set(run.scenarios[name]["asked"]) == kinds


def test_a_header_of_the_users_own_is_asked_for_first(run: Browsed) -> None:
    """A preflight that the server turned down would have cost the whole batch."""
    assert run.labels("header") == expected("header", run.server.modern)


@pytest.mark.parametrize(("name", "call"), [("links", "track_links"), ("forms", "track_forms")])
def test_a_click_that_leaves_the_page_is_stored_once(run: Browsed, name: str, call: str) -> None:
    assert run.labels(name)[f"mark-{name}-{call}"] == 1


@pytest.mark.parametrize("name", ["batch", "single", "json", "get", "jsonp"])
def test_text_arrives_as_it_was_given(run: Browsed, name: str) -> None:
    wanted = TEXT if run.server.modern else PLAIN
    texts = [
        message["properties"]["näme"]
        for _, message in run.server.messages()
        if message.get("event") in (f"mark-{name}-track", f"mark-{name}-beacon")
    ]
    assert texts == [wanted] * (1 if name in BEACONS and not run.server.modern else 2)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingestion]:
    directory = tmp_path_factory.mktemp("own")
    with serving(directory, "--contract", "modern") as running:
        yield running


def test_a_batch_is_kept_while_nothing_can_be_stored(own: Ingestion, command: list[str]) -> None:
    def recover(word: str) -> None:
        own.sink.refusing &= word != "refused"

    own.sink.refusing = True
    only = ["track", "set", "group_set"]
    scenario = {"name": "retry", "text": TEXT, "only": only, "config": {}}
    done = browsed(command, own, [scenario], recover)
    statuses = [status for *_, status in done.scenarios["retry"]["answers"]]
    assert 503 in statuses
    assert done.scenarios["retry"]["queued"] == 0
    labels = done.labels("retry")
    assert {name: labels[f"mark-retry-{name}"] for name in only} == dict.fromkeys(only, 1)


def test_what_is_unsent_when_the_page_is_left_comes_by_beacon(
    own: Ingestion, command: list[str]
) -> None:
    """The library keeps it, since a beacon tells nothing: the next visit sends it again.

    It may even send two beacons, as the page is hidden and as it is left. What came more than
    once has the same ``$insert_id``, by which a consumer tells.
    """
    later = {"batch_flush_interval_ms": 1500}
    scenario = {"name": "leave", "text": TEXT, "only": ["track", "set"], "leave": True}
    at_leaving: list[set[str]] = []

    def note(word: str) -> None:
        if word == "left":
            at_leaving.append(own.settle_kinds(2))

    own.sink.items.clear()
    again = later | {"api_host": own.url}
    done = browsed(command, own, [scenario | {"config": later, "again": again}], note)
    assert at_leaving == [{"mark-leave-track", "mark-leave-set"}]
    assert done.scenarios["leave"]["kept"] > 0
    events = [
        message for _, message in own.messages() if message.get("event") == "mark-leave-track"
    ]
    assert 1 <= len(events) <= 3
    assert len({event["properties"]["$insert_id"] for event in events}) == 1
    assert done.labels("leave")["mark-leave-set"] >= 1
    assert done.scenarios["leave"]["queued"] == 0
