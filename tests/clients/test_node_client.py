"""The Node client: every call succeeds by its own measure, and is on the queue once."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pyingest.ingest import NO_BASE64
from tests.clients.ingestion import Ingestion, without_proxies

DRIVER = Path(__file__).parent / "drivers" / "node-calls.js"
AWKWARD = "Zoë \U0001f600 ~~~???>>>+"
BATCH = 60
"""More than the 50 that the client puts into one request."""


def outcomes(node: str, modules: Path, server: Ingestion, **options: Any) -> dict[str, str | None]:
    """Return what each call handed to its callback: ``None``, or an error."""
    command = [node, str(DRIVER), str(modules / "mixpanel"), server.host, json.dumps(options)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=without_proxies()
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def expected(name: str, calls: dict[str, str | None]) -> Counter[str]:
    marks: Counter[str] = Counter()
    for call in calls:
        mark = f"mark-{name}-{call}"
        many = call.endswith("_batch")
        marks.update([f"{mark}{n}_of" for n in range(BATCH)] if many else [mark])
    return marks


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain", {}),
        ("verbose", {"verbose": True}),
        ("test", {"test": True, "geolocate": True}),
        ("alive", {"keepAlive": True, "verbose": True, "geolocate": True}),
    ],
)
def test_every_call_is_stored_once(
    node: str, node_modules: Path, ingestion: Ingestion, name: str, options: dict[str, Any]
) -> None:
    ingestion.sink.items.clear()
    options = {"groups": ingestion.modern, "key": "key", **options}
    calls = outcomes(node, node_modules, ingestion, name=name, **options)
    assert len(calls) == (23 if ingestion.modern else 15)
    assert {call: error for call, error in calls.items() if error} == {}
    wanted = expected(name, calls)
    assert ingestion.settle(wanted.total()) == wanted
    assert len(ingestion.sink.items) == wanted.total()


def names(server: Ingestion) -> list[str]:
    found = (message.get("properties", {}).get("näme") for _, message in server.messages())
    return [name for name in found if name is not None]


def test_text_arrives_as_it_was_given(node: str, node_modules: Path, modern: Ingestion) -> None:
    """Its base64 is not escaped in a form: ``+`` comes as a blank, which does no harm here."""
    modern.sink.items.clear()
    calls = outcomes(node, node_modules, modern, name="text", groups=False, awkward=AWKWARD)
    modern.settle(BATCH + 14)
    assert calls["track_batch"] is None
    assert names(modern) == [AWKWARD] * (BATCH + 1)


def test_the_classic_contract_tells_the_client_when_a_plus_was_lost(
    node: str, node_modules: Path, classic: Ingestion
) -> None:
    """As legacy does: it takes the blanks out, and the text is then too short."""
    classic.sink.items.clear()
    calls = outcomes(
        node, node_modules, classic, name="text", groups=False, awkward=AWKWARD, verbose=True
    )
    assert calls.pop("track_batch") == f"Mixpanel Server Error: {NO_BASE64}"
    assert set(calls.values()) == {None}
    assert names(classic) == [AWKWARD]


def test_a_refused_event_is_the_clients_own_error(
    node: str, node_modules: Path, ingestion: Ingestion
) -> None:
    ingestion.sink.items.clear()
    script = f"""
        const client = require({json.dumps(str(node_modules / "mixpanel"))}).init('x', {{
          host: {json.dumps(ingestion.host)}, protocol: 'http', keepAlive: false, verbose: true,
        }});
        client.token = '';
        client.track('', {{}}, (error) => process.stdout.write(error.message));
    """
    done = subprocess.run(
        [node, "-e", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert "event, missing" in done.stdout or "token, missing" in done.stdout, done.stderr
    assert ingestion.sink.items == []
