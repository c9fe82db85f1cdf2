"""Files that their owner alone can read, and frames that are there whole or not at all."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow.recording import RunWriter
from shadow.runs import private
from shadow.runs.manifest import Manifest, RecordingError, RunManifest
from shadow.runs.run import Run
from shadow.segments import Segment, SegmentReader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_no_umask_opens_a_file_to_others(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    assert private.take_directory(tmp_path / "there")
    private.make_directory(tmp_path / "new" / "deep")
    private.append_whole(tmp_path / "appended", b"x")
    private.write_whole(tmp_path / "written", b"x")
    names = ("there", "new/deep", "appended", "written")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in names}
    assert modes == dict(zip(names, (0o700, 0o700, 0o600, 0o600), strict=True))


def test_a_directory_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "theirs").touch()
    assert not private.take_directory(shared)
    with pytest.raises(RecordingError, match="not empty"):
        Run.create(shared, RunManifest(created=1.0))
    with pytest.raises(RecordingError, match="not empty"):
        RunWriter(shared, Manifest(created=1.0))
    assert shared.stat().st_mode & 0o777 == 0o755


def test_a_strict_umask_leaves_the_owner_his_files(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        private.make_directory(tmp_path / "run")
        private.append_whole(tmp_path / "run" / "a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "run" / "a").stat().st_mode & 0o777 == 0o600


def test_a_frame_that_the_disk_does_not_take_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment(tmp_path / "segment")
    segment.append(b"first")
    segment.flush()
    room = [7]
    write = os.write

    def full(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = write(file, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", full)
    segment.append(b"second")
    with pytest.raises(OSError, match="No space left"):
        segment.flush()
    monkeypatch.undo()
    assert zstd.decompress(segment.path.read_bytes()) == b"first\n"
    segment.append(b"third")
    segment.flush()
    reader = SegmentReader(segment.path)
    assert [*reader.more(), *reader.more()] == [b"first", b"third"]
    assert (segment.lines, reader.is_in_frame) == (2, False)


def test_a_manifest_that_the_disk_does_not_take_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "manifest.json"
    private.write_whole(path, b"former")

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        private.write_whole(path, b"next")
    monkeypatch.undo()
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]
