"""Dead workers: at once after a good life, else later and later; lines between processes."""

import pytest

from pyingest.server import ListenError
from pyingest.serving.control import (
    TO_SUPERVISOR,
    Ask,
    Begin,
    Failed,
    Lines,
    Ready,
    Told,
    ToSupervisor,
    ToWorker,
    line,
)
from pyingest.serving.metrics import Sample
from pyingest.serving.settings import Settings
from pyingest.serving.slots import LIVED, LONGEST, Deaths
from pyingest.serving.sockets import bind_all
from pyingest.serving.worker import TO_WORKER


def test_the_first_death_costs_no_time_and_later_ones_ever_more() -> None:
    deaths = Deaths()
    waits = []
    for _ in range(20):
        deaths = deaths.after(0.0)
        waits.append(deaths.wait)
    assert waits[:5] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST
    assert waits == sorted(waits)


def test_a_good_life_forgets_the_deaths_before() -> None:
    deaths = Deaths(7)
    assert deaths.gives_way
    assert deaths.after(LIVED).wait == 0.0
    assert not deaths.after(LIVED).gives_way


def test_lines_are_cut_however_they_come() -> None:
    lines = Lines()
    assert [list(lines.feed(bytes([byte]))) for byte in b"a\nb"] == [[], [b"a"], []]
    assert list(lines.feed(b"c\nd\n")) == [b"bc", b"d"]


@pytest.mark.parametrize("message", [Begin(Settings(), 1, 2), Ask(3)])
def test_what_is_said_to_a_worker_is_understood(message: ToWorker) -> None:
    assert TO_WORKER.decode(line(message)) == message


@pytest.mark.parametrize(
    "message", [Ready(), Failed("why"), Told(4, (Sample("n", (("a", "b"),), 1.5),), {"x": [1]})]
)
def test_what_a_worker_says_is_understood(message: ToSupervisor) -> None:
    assert TO_SUPERVISOR.decode(line(message)) == message


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sockets_share_an_address_that_others_cannot_have(host: str) -> None:
    sockets = bind_all(host, 0, 5, 3)
    ports = {one.getsockname()[1] for one in sockets}
    assert len(ports) == 1
    with pytest.raises(ListenError, match="cannot listen on"):
        bind_all(host, ports.pop(), 5, 1)
    for one in sockets:
        one.close()


def test_who_says_so_shares_an_address_with_others() -> None:
    (first,) = bind_all("127.0.0.1", 0, 5, 1)
    port = first.getsockname()[1]
    others = bind_all("127.0.0.1", port, 5, 2, beside=True)
    assert {one.getsockname()[1] for one in others} == {port}
    for one in (first, *others):
        one.close()
