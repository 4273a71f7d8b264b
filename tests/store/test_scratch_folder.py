"""A folder of our own: it goes with its block, and who was killed has it taken away by the next."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from backfill.store.embedded import embedded_postgres
from backfill.store.scratch_folder import LOCK, POSTGRES, PREFIX, scratch_folder
from backfill.store.server_files import FileLock
from tests.processes import processes_naming


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_it_goes_once_the_server_in_it_has_stopped(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[object] = []
    really = shutil.rmtree

    def removed(folder: Path, **how: bool) -> None:
        running.append(processes_naming(folder))
        really(folder, **how)

    monkeypatch.setattr(shutil, "rmtree", removed)
    async with scratch_folder(tell=print) as folder, embedded_postgres(folder / POSTGRES):
        assert processes_naming(folder)
    assert (names_in(temporary), running) == (set(), [{}])


async def test_what_was_left_behind_goes_and_what_is_used_or_anothers_stays(temporary: Path) -> None:
    left, used, young, strange = (temporary / name for name in (f"{PREFIX}1", f"{PREFIX}2", f"{PREFIX}3", "other"))
    for folder in (left, used, young, strange):
        (folder / "postgres").mkdir(parents=True)
    for folder in (left, strange):
        (folder / LOCK).touch()
    (temporary / f"{PREFIX}link").symlink_to(strange)
    lock = FileLock.taken(used / LOCK)
    assert lock is not None
    told: list[str] = []
    async with scratch_folder(tell=told.append) as folder, scratch_folder(tell=told.append):
        assert folder.name in names_in(temporary)
    assert told == [f"Removed {left}, which a bench that was killed had left behind."]
    assert names_in(temporary) == {used.name, young.name, "other", f"{PREFIX}link"}
    lock.close()
