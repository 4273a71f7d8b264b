"""What a realm's job works with, put together for one turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backfill import events
from backfill.cli.compose import now
from backfill.cli.way_to_intuit import WayToRealm
from backfill.config import Settings
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, RunId
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.store.postgres_store import PostgresStore


@asynccontextmanager
async def realm_work(
    lease: Lease,
    turn: Turn,
    way: WayToRealm,
    stopping: Callable[[], bool],
    *,
    settings: Settings,
    store: PostgresStore,
    run_id: RunId,
    memory: PageMemory,
    observe: events.Observer,
) -> AsyncIterator[RealmWork]:
    """The realm's work while its lease is held, with its way to Intuit open for the block."""
    room = RealmRoom(memory, lease.realm_id, weight=turn.weight, patience=turn.patience)
    async with way(lease, room) as transport:
        yield RealmWork(
            lease=lease,
            run_id=run_id,
            ask=Questions(transport, lease.realm_id, hasty=transport.hasty()),
            store=store,
            room=room,
            observe=observe,
            stopping=stopping,
            turn=turn,
            now=now,
            page_rows=settings.extract.page_rows,
        )
