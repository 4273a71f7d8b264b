"""A folder that is gone when the block has ended; or when the next is made, if its maker was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from backfill.store.embedded import POLL_S, STOP_TIMEOUT_S
from backfill.store.server_files import FileLock, ServerFiles

PREFIX = "backfill-measuring-"
LOCK = "in_use.lock"
"""Held by whoever made the folder, for as long as he lives."""
POSTGRES = "postgres"
"""The data directory in it, of an embedded server."""


@asynccontextmanager
async def scratch_folder(*, tell: Callable[[str], None]) -> AsyncIterator[Path]:
    """A new folder where temporary files are; with the server in its `POSTGRES` it goes once that has stopped.

    `tell` is told of those that others left, and that are removed before.
    """
    for left in _left_behind():
        shutil.rmtree(left, ignore_errors=True)
        tell(f"Removed {left}, which a bench that was killed had left behind.")
    folder, lock = _made()
    try:
        yield folder
    finally:
        with anyio.CancelScope(shield=True):
            await _stopped(folder)
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _made() -> tuple[Path, FileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = FileLock.taken(folder / LOCK)
        if lock is not None:  # else another looked at it before we had it, and removes it
            return folder, lock


def _left_behind() -> Iterator[Path]:
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        if folder.is_symlink() or not (folder / LOCK).is_file() or folder.stat().st_uid != os.getuid():
            continue
        lock = FileLock.taken(folder / LOCK)
        if lock is None:
            continue
        if not _is_served(folder):
            yield folder
        lock.close()


async def _stopped(folder: Path) -> None:
    """The embedded server stops when its last user has left; its folder can be removed only after that."""
    with anyio.move_on_after(STOP_TIMEOUT_S):
        while _is_served(folder):  # noqa: ASYNC110  # another process's lock
            await anyio.sleep(POLL_S)


def _is_served(folder: Path) -> bool:
    files = ServerFiles.below(folder / POSTGRES)
    return files.supervisor_lock.exists() and files.supervised()
