"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from framing.errors import OutputError
from framing.files import write_whole


def test_it_writes_and_overwrites_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "öne\r\n")
    assert path.read_bytes() == "öne\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    write_whole(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"a\.txt cannot be written: No space left on device"):
        write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        write_whole(tmp_path / "none" / "a.txt", "x")
