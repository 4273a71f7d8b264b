"""Real processes, one company's tokens: no refresh race, and a crash loses what it must and no more."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from backfill.store.database import Database
from benchmarks.show_tokens import LOST, staged


async def raced(dsn: str, folder: Path, rotations: int, processes: int) -> None:
    def race() -> None:
        with staged(dsn, folder, old_lives_s=0) as (stage,):
            workers = stage.race(rotations, processes)
        assert [worker.code for worker in workers] == [0] * processes
        assert sum(worker.refused for worker in workers) == 0, "every value was used once, and was the newest"
        assert sum(worker.rotated for worker in workers) == rotations // processes * processes

    await anyio.to_thread.run_sync(race)


async def test_processes_that_all_want_new_tokens_never_use_one_value_twice(
    database: Database, database_dsn: str, tmp_path: Path
) -> None:
    await raced(database_dsn, tmp_path, rotations=60, processes=3)


@pytest.mark.long
async def test_a_thousand_rotations_by_two_processes(database: Database, database_dsn: str, tmp_path: Path) -> None:
    await raced(database_dsn, tmp_path, rotations=1000, processes=2)


@pytest.mark.parametrize(("old_lives_s", "code"), [(86_400, 0), (0, LOST)], ids=["the old value lives", "it dies"])
async def test_a_crash_between_answer_and_commit(
    database: Database, database_dsn: str, tmp_path: Path, old_lives_s: float, code: int
) -> None:
    def crash() -> None:
        with staged(database_dsn, tmp_path, old_lives_s=old_lives_s) as (stage,):
            for _ in range(3 if code == 0 else 1):
                assert stage.crash().code == code

    await anyio.to_thread.run_sync(crash)
