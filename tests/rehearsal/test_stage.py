"""Which realms a person has to see to, where several faults befall the same one."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from backfill.model import RunId
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.faults.lapsed import Lapsed
from backfill.rehearsal.faults.revoked import Revoked
from backfill.rehearsal.life import Kill
from backfill.rehearsal.stage import Stage
from backfill.rehearsal.world import draw_world

pytestmark = pytest.mark.virtual


async def no_launch(_run_id: RunId, _kill: Kill | None = None) -> bool:
    raise AssertionError("no process has a part in this")


async def befallen(*faults: Fault, for_s: float) -> Stage:
    """A world of one realm that the faults strike for so long. It is not healed yet."""
    world = replace(draw_world(0, only=frozenset()), realms=1, faults=faults)
    async with anyio.create_task_group() as group:
        stage = Stage(world, group, no_launch)
        with anyio.move_on_after(for_s):
            async with anyio.create_task_group() as strikes:
                for fault in faults:
                    strikes.start_soon(fault.strike, stage)
    return stage


@pytest.mark.parametrize(("revoked_at_s", "lapsed_at_s"), [(0.0, 1.0), (1.0, 0.0)])
async def test_a_realm_is_troubled_until_the_last_of_its_troubles_is_over(
    revoked_at_s: float, lapsed_at_s: float
) -> None:
    """A company that has disconnected the app for good stays so when its subscription is paid again."""
    revoked = Revoked(realm=0, at_s=revoked_at_s, for_good=True, refusal="3200")
    stage = await befallen(revoked, Lapsed(realm=0, at_s=lapsed_at_s), for_s=2)
    stage.heal()
    (realm_id,) = stage.realm_ids
    assert stage.may_be_parked(realm_id)
    await stage.store.park(realm_id, RunId(1), code="3200", message="It is refused.", action="Connect it again.")
    stage.reconnect_parked()
    assert stage.store.parked(realm_id) is not None, "nobody connects again what is disconnected for good"


async def test_who_was_not_disconnected_is_not_connected_again() -> None:
    """The world was healed before the company's owner came to it: all that befell it was a lapsed subscription."""
    revoked = Revoked(realm=0, at_s=60, for_good=False, refusal="3200")
    stage = await befallen(revoked, Lapsed(realm=0, at_s=0), for_s=2)
    held = stage.vault.stored(stage.realm_ids[0])
    stage.heal()
    assert stage.vault.stored(stage.realm_ids[0]) is held
    assert not stage.troubled
