"""A realm's work within a simulated process, put together as the commands do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, RealmId, Scan
from backfill.rehearsal.pages_in_hand import WatchedRoom

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage


def realm_job(process: Process, task: Callable[[RealmWork, Scan], Awaitable[RealmOutcome]]) -> RealmJob:
    """`task` for every realm that the run has not finished."""

    async def realm(lease: Lease, turn: Turn, /) -> RealmOutcome:
        scan = await process.store.scan(process.run_id, lease.realm_id)
        if scan.finished:
            return RealmOutcome(proven=True)
        room = process.room_of(lease, turn)
        async with process.ways.to(lease, room) as way:
            work = RealmWork(
                lease=lease,
                run_id=process.run_id,
                ask=Questions(way, lease.realm_id, hasty=way.hasty()),
                store=process.store,
                room=WatchedRoom(room, process.pages),
                observe=process.observe,
                stopping=lambda: False,
                turn=turn,
                now=process.stage.our_clock,
                page_rows=process.stage.world.page_rows,
                cdc_objects=process.stage.world.cdc_objects,
            )
            return await task(work, scan)

    return realm


def unproven(stage: Stage, realm_id: RealmId, names: Iterable[str]) -> Iterator[str]:
    """What of `names` nothing is said of, and what is said not to be proven, once the world is healed."""
    proofs = stage.store.proofs(realm_id)
    missing = [name for name in names if name not in proofs]
    if missing:
        yield f"no word on {', '.join(missing)}"
    for name, proof in proofs.items():
        if not proof.proven:
            yield f"{name} is unproven in a healed world: {proof.reason}"
