"""Garbage on two thousand connections: the server bears it, and serves who behaves well."""

from pathlib import Path

import pytest

from benchmarks.fuzz_connections import run


@pytest.mark.parametrize("contract", ["classic", "modern"])
def test_a_server_bears_garbage_and_answers_who_behaves_well(contract: str, tmp_path: Path) -> None:
    tally = run(tmp_path, contract, 2000, 20111)  # raises when the server ends by itself
    assert tally.connections == 2000
    assert tally.answered > 500
    assert tally.bad == []
    assert len(tally.good) > 5
    # What the first tenth needed is there to stay; what is lost on every connection would show.
    assert tally.sizes[-1] < tally.sizes[0] + (16 << 20)
    log = (tmp_path / f"{contract}.log").read_text()
    assert "Traceback" not in log
    assert '"level":"error"' not in log
