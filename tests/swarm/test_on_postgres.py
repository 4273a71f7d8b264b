"""The same worlds on real Postgres and in real time: fewer, faster, and with the faults that a store can feel."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import anyio
import pytest

from backfill.load_model import RowState
from backfill.rehearsal.faults.bad_network import BadNetwork
from backfill.rehearsal.faults.crash import Crash
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.jobs import JOBS
from backfill.rehearsal.rehearsal import Rehearsal
from backfill.rehearsal.stage import Stage
from backfill.rehearsal.world import World, draw_world
from backfill.simulator.injection.network import LostReply, LostRequest
from backfill.store.database import Database
from tests.swarm.postgres_ground import PostgresGround

SCALE = 60.0
"""A minute of the limits lasts a second."""

FAULTS = frozenset({"crash", "second process", "connection refused", "bad answers", "poisoned rows", "other apps"}) | {
    "late commits",
    "requestid not kept",
    "same object edited",
    "bad reports",
}
"""No virtual time is needed for these, nor a new consent."""

LEASE_S = 30.0 / SCALE
HOLD_S = 20.0
"""A third of a second: a request that is held until a client gives up holds a world of a hundred requests up."""

ENDS_S = 240.0
"""A world takes some seconds; on a machine that has much else to do, many more."""


def hastened_fault(fault: Fault) -> Fault:
    """The same, and nobody waits long for the next process, or for an answer that does not come."""
    match fault:
        case Crash():
            kills = (
                replace(kill, wait_s=min(kill.wait_s, 0.3), restart_s=min(kill.restart_s, 0.2), elsewhere=True)
                for kill in fault.kills
            )
            return replace(fault, kills=tuple(kills))
        case BadNetwork():
            mishaps = (
                replace(mishap, hold_s=min(mishap.hold_s, HOLD_S))
                if isinstance(mishap, LostRequest | LostReply)
                else mishap
                for mishap in fault.mishaps
            )
            return replace(fault, mishaps=tuple(mishaps))
    return fault


def hastened(seed: int) -> World:
    """The seed's world, with all that only waits made short, and no second of the server's: it would last 17 ms."""
    world = draw_world(seed, only=FAULTS)
    return replace(
        world,
        job=JOBS["resync"] if world.job.name == "verify" else world.job,  # it breaks the twin's rows
        faults=tuple(map(hastened_fault, world.faults)),
        scale=SCALE,
        limits=world.limits.scaled(SCALE),
        settings=replace(
            world.settings,
            latency_s=min(world.settings.latency_s, 0.02),
            jitter_s=0.0,
            limits_scale=SCALE,
            limits=replace(world.settings.limits, requests_per_second=None, in_flight=None),
        ),
        again_after_s=0.0,
        changes_most=min(world.changes_most, 20),
        changes_per_minute=600,
    )


async def lived(seed: int, database: Database, tally: Counter[str]) -> Stage:
    """The world's whole course, counted. Raises what the oracles saw."""
    world = hastened(seed)
    grounds: list[PostgresGround] = []

    def ground(stage: Stage) -> PostgresGround:
        grounds.append(PostgresGround(stage, database, lease_s=LEASE_S))
        return grounds[0]

    with anyio.fail_after(ENDS_S):
        async with anyio.create_task_group() as group:
            rehearsal = Rehearsal(world, group, ground)
            await grounds[0].register()
            await rehearsal.run()
            group.cancel_scope.cancel()
    stage = rehearsal.stage
    # Of windows of a second nothing can be said in real time: a busy machine delays what was evenly spaced.
    breaches = [breach for breach in stage.breaches if breach.oracle != "within limits"]
    assert not breaches, f"seed {seed}: {breaches[:3]}\n{world.described()}"
    for realm_id, seen in stage.simulator.log.summary().items():
        assert seen.most_in_minute <= world.limits.request_permits, realm_id
        assert seen.most_batches_in_minute <= world.limits.batch_permits, realm_id
    assert (grounds[0].answers >= 4) == (world.job.name == "reports")
    tally.update({"worlds": 1, f"worlds of {world.job.name}": 1})
    tally.update({"requests": stage.simulator.log.total().requests, "killed processes": stage.deaths})
    tally.update(stage.struck)
    return stage


@pytest.mark.parametrize("seed", range(8))
async def test_a_world(seed: int, database: Database, tally: Counter[str]) -> None:
    stage = await lived(seed, database, tally)
    if stage.world.job.name == "reports":
        return
    if stage.load.rows:
        assert {row.state for row in stage.ledger.kept_rows()} <= {
            RowState.APPLIED,
            RowState.ADOPTED,
            RowState.REJECTED,
        }
        return
    assert sum(len(rows) for realm in stage.realm_ids for rows in stage.store._realms[realm].rows.values()) > 80


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8, 100))
async def test_many_worlds(seed: int, database: Database, tally: Counter[str]) -> None:
    await lived(seed, database, tally)
