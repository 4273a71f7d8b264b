"""When a simulated process is killed, and when there is nothing left to kill."""

from __future__ import annotations

import anyio
import pytest

from backfill.rehearsal.life import Kill, Life

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize(("work_s", "deaths"), [(4, 0), (6, 1)])
async def test_a_process_is_killed_at_its_moment_unless_it_has_come_to_its_end(work_s: int, deaths: int) -> None:
    """A death after the end would excuse what a whole process has done."""
    told: list[float] = []
    kill = Kill(reach=2, wait_s=5, steps=1, restart_s=1, elsewhere=False)
    async with anyio.create_task_group() as group:
        life = Life(kill, group, died=lambda: told.append(anyio.current_time()))
        begun = anyio.current_time()
        with life.scope:
            for _ in range(kill.reach):
                await life.reach(anyio.lowlevel.checkpoint)
            await anyio.sleep(work_s)
            life.close()
    assert told == [begun + kill.wait_s] * deaths
    assert life.over == bool(deaths)
