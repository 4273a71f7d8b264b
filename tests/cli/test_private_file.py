"""A private file: what it puts in the place of what was there."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from backfill.cli.private_file import private_file
from backfill.errors import UsageError


def written(file: Path, content: bytes) -> None:
    with private_file(file) as target:
        target.write(content)


def test_the_file_is_its_owners_alone_and_whole_or_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    written(file, b"first")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"first", 0o600)
    with pytest.raises(TypeError), private_file(file) as target:
        target.writelines([b"half", None])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "rows")
    written(link, b"rows")
    assert (link.is_symlink(), (tmp_path / "there" / "rows").read_bytes()) == (True, b"rows")


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    written(pipe, b"rows")
    reader.join(timeout=10)
    assert (pipe.is_fifo(), read) == (True, [b"rows"])


@pytest.mark.parametrize("name", [".", "nowhere/rows"])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        written(tmp_path / name, b"rows")
