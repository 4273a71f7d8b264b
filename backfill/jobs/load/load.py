"""`load` for one realm, from its lease to its outcome."""

from __future__ import annotations

from collections.abc import Mapping

from backfill import events
from backfill.jobs.fleet import RealmOutcome, Trouble
from backfill.jobs.load.books import read_books
from backfill.jobs.load.realm_load import RealmLoad
from backfill.jobs.load.work import LoadWork
from backfill.load_model import RowState


async def load_realm(work: LoadWork) -> RealmOutcome:
    """Write what waits; `proven` if every row took effect. Raises `BackfillError` for what ended it before."""
    left = await work.ledger.unsettled(work.realm_id)
    counts = await work.ledger.counts(work.realm_id, work.options.loads)
    if left or counts.get(RowState.WAITING):
        work.observe(events.RealmStarted(realm_id=work.realm_id, resumed=bool(left)))
        books = await read_books(work.ask)
        work.clock_offset_s = (books.server_time - await work.ledger.now()).total_seconds()
        await RealmLoad(work, books).run()
        counts = await work.ledger.counts(work.realm_id, work.options.loads)
    return outcome_of(work, counts)


def outcome_of(work: LoadWork, counts: Mapping[str, int]) -> RealmOutcome:
    """Whether all was written, and what a person should look at."""
    rejected = counts.get(RowState.REJECTED, 0)
    troubles = []
    if rejected:
        words = f"{rejected:,} row{' was' if rejected == 1 else 's were'} rejected"
        action = "See them with their faults: backfill load export-rejected FILE"
        troubles.append(Trouble(work.realm_id, "", "rejected", words, action))
    return RealmOutcome(proven=not rejected, troubles=troubles)
