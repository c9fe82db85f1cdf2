"""Log lines: JSON, by level, floods cut and counted, no token in clear."""

import json

from pyingest.serving.logs import KINDS, Log, Repeats, token_hash


class Lines:
    def __init__(self, level: str = "info", repeats: int = 2) -> None:
        self.now = 0.0
        self.lines: list[dict[str, object]] = []
        self.log = Log(self._take, lambda: self.now, level, repeats, worker=3)

    def _take(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.lines.append(json.loads(line))


def test_a_line_has_time_level_event_and_fields() -> None:
    lines = Lines()
    lines.log.warning("not\nstored", count=2)
    assert lines.lines == [
        {"time": 0.0, "level": "warning", "event": "not\nstored", "worker": 3, "count": 2}
    ]


def test_lines_below_the_level_are_not_written() -> None:
    lines = Lines("error")
    lines.log.debug("a")
    lines.log.info("b")
    lines.log.warning("c")
    lines.log.error("d")
    assert [line["event"] for line in lines.lines] == ["d"]


def test_a_flood_is_cut_and_counted() -> None:
    lines = Lines()
    for _ in range(10):
        lines.log.error("same")
    lines.log.error("other")
    assert [line["event"] for line in lines.lines] == ["same", "same", "other"]
    lines.now = 61.0
    lines.log.error("same")
    assert lines.lines[3]["of"] == "same"
    assert lines.lines[3]["held_back"] == 8
    assert lines.lines[4]["event"] == "same"


def test_what_was_held_back_is_said_at_the_end() -> None:
    lines = Lines()
    for _ in range(5):
        lines.log.error("same")
    lines.log.close()
    assert lines.lines[-1]["held_back"] == 3


def test_the_kinds_that_are_watched_are_bounded() -> None:
    repeats = Repeats(1)
    allowed = [repeats.allow(f"kind {number}", 0.0)[0] for number in range(KINDS + 10)]
    assert sum(allowed) == KINDS + 1


def test_a_token_is_known_again_but_not_told() -> None:
    assert token_hash("secret") == token_hash("secret")
    assert "secret" not in token_hash("secret")
    assert token_hash("secret") != token_hash("other")
