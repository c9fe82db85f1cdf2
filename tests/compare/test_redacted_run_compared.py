"""What is compared comes out as if nothing had been hidden."""

from dataclasses import replace
from pathlib import Path

from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.testing import dual_run, recorded
from pyingest.message import Request
from shadow.exchange import Exchange, TappedEvent
from shadow.recording import RunReader
from shadow.runs.redaction import Asked, Redactor
from shadow.runs.secrets import Key

ODD = (b"", b',"v":1.0e2', b',"n":1', b',"s":"\\u00e9"', b",")
REDACTOR = Redactor(Key(b"k" * 32), Asked(fields=("properties.$email",)))


def requests(count: int) -> list[Request]:
    made = []
    for number in range(count):
        body = (
            b'{"event":"e","properties":{"token":"t","distinct_id":"p%d",'
            b'"$email":"m%d\\u00e9@x.test","n":%d%b}}'
        ) % (number % 7, number % 11, number, ODD[number % len(ODD)])
        made.append(Request(b"GET", b"/track?data=" + body))
    return made


def hidden(directory: Path, run: RunReader) -> RunReader:
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number in run.partitions:
        exchanges += [REDACTOR.exchange(one) for one in run.exchanges(number)]
        events += [REDACTOR.event(one) for one in run.events(number)]
    return recorded(directory, exchanges, events)


def test_the_same_is_found_with_and_without_redaction(tmp_path: Path) -> None:
    clear = dual_run(tmp_path / "clear", requests(60))
    covered = hidden(tmp_path / "covered", clear)
    one, other = summarise(clear, Rules()), summarise(covered, Rules())
    assert (other.units, other.kinds) == (one.units, one.kinds)
    # "é" differs in its bytes on the two queues; its hash does not.
    assert other.events == replace(
        one.events, identical=other.events.identical, equal=other.events.equal
    )
    assert [(each.title, each.requests) for each in other.causes] == [
        (each.title, each.requests) for each in one.causes
    ]
    assert len(one.causes) > 1


def test_a_hidden_value_that_differs_is_still_a_difference(tmp_path: Path) -> None:
    clear = dual_run(tmp_path / "clear", requests(20))
    events = [one for number in clear.partitions for one in clear.events(number)]
    wrong = [
        replace(one, body=one.body.replace(b"m3", b"m4")) if one.side == "candidate" else one
        for one in events
    ]
    assert wrong != events
    exchanges = [one for number in clear.partitions for one in clear.exchanges(number)]
    covered = hidden(tmp_path / "covered", recorded(tmp_path / "wrong", exchanges, wrong))
    found = summarise(covered, Rules())
    assert any("$email" in cause.path for cause in found.causes)
