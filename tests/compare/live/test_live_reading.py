"""Status files: what is damaged is skipped and named, and hides nothing else."""

from pathlib import Path

import pytest

from compare.live.reading import LARGEST, MOST_FILES, read_statuses
from compare.live.testing import proxy_status, tap_status, tell


def test_where_nothing_is_told_nothing_is_read(tmp_path: Path) -> None:
    assert read_statuses(tmp_path / "run").statuses == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"name":"x"}',
        b'{"name":"x","pid":"1","began":1,"at":2}',
        b"x" * (LARGEST + 2),
    ],
)
def test_a_damaged_file_is_skipped_and_named(tmp_path: Path, content: bytes) -> None:
    tell(tmp_path, proxy_status(5.0, 1, 3))
    tell(tmp_path, tap_status(5.0, 2, 3))
    (tmp_path / "status" / "broken.json").write_bytes(content)
    found = read_statuses(tmp_path)
    assert [one.name for one in found.statuses] == ["proxy-0", "tap"]
    assert [one.name for one in found.unreadable] == ["broken.json"]
    assert found.unreadable[0].why


def test_a_file_that_is_being_replaced_is_not_read(tmp_path: Path) -> None:
    tell(tmp_path, proxy_status(5.0, 1, 3))
    (tmp_path / "status" / "proxy-1.partial").write_bytes(b"{")
    assert len(read_statuses(tmp_path).statuses) == 1
    assert read_statuses(tmp_path).unreadable == ()


def test_files_beyond_all_reason_are_not_read_but_told(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 3):
        tell(tmp_path, proxy_status(5.0, 1, 3, name=f"p-{number:04d}"))
    found = read_statuses(tmp_path)
    assert len(found.statuses) == MOST_FILES
    assert [one.why for one in found.unreadable] == ["one of 3 too many"]


def test_fields_that_a_later_version_may_add_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "status"
    folder.mkdir()
    (folder / "p.json").write_bytes(b'{"name":"p","pid":1,"began":1,"at":2,"colour":"red"}')
    assert [one.name for one in read_statuses(tmp_path).statuses] == ["p"]
