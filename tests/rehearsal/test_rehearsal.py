"""How a world is brought to its end."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from backfill.model import RealmId, RunId
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.faults.short_tokens import ShortTokens
from backfill.rehearsal.ground import MemoryGround
from backfill.rehearsal.jobs.extract import Extract
from backfill.rehearsal.life import Kill
from backfill.rehearsal.rehearsal import RUNS_MOST, Rehearsal
from backfill.rehearsal.stage import Stage
from backfill.rehearsal.world import draw_world

pytestmark = pytest.mark.virtual

SHORT_TOKENS = ShortTokens(access_life_s=5, rotation_s=0, old_life_s=0, reuse="refused", ends_access_token=False)


@pytest.mark.parametrize("faults", [(), (SHORT_TOKENS,)])
async def test_the_last_command_is_given_when_people_have_gone(
    monkeypatch: pytest.MonkeyPatch, faults: tuple[Fault, ...]
) -> None:
    """What is read while they work may never be of one moment, however sound the program is."""
    gone: list[bool] = []

    async def launch(self: Rehearsal, _run_id: RunId, _kill: Kill | None = None) -> bool:
        gone.append(self.stage.people_done.is_set())
        return True

    def is_done(_job: Extract, _stage: Stage, _run_id: RunId, _realm_id: RealmId) -> bool:
        return False

    monkeypatch.setattr(Rehearsal, "launch", launch)
    monkeypatch.setattr(Extract, "is_done", is_done)
    drawn = draw_world(0, only=frozenset())
    world = replace(
        drawn, job=Extract(), realms=1, changes_most=5, changes_per_minute=1.0, again_after_s=0.0, faults=faults
    )
    async with anyio.create_task_group() as group:
        await Rehearsal(world, group, MemoryGround).run()
        group.cancel_scope.cancel()
    commands = RUNS_MOST + sum(fault.runs_more for fault in faults)
    assert gone == [False] * commands + [True], "the first of them before the world was healed"
