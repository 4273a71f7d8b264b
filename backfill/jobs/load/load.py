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
    left = counts.get(RowState.WAITING, 0) + counts.get(RowState.SEALED, 0)
    troubles = [
        Trouble(work.realm_id, "", code, f"{rows:,} row{' was' if rows == 1 else 's were'} {words}", action)
        for code, rows, words, action in (
            ("rejected", rejected, "rejected", "See them with their faults: backfill load export-rejected FILE"),
            ("unfinished", left, "let wait again meanwhile", "Run the same command again to go on from here."),
            (
                "to_look_at",
                work.learnt.to_look_at,
                "found after a lost answer, with something left to see to",
                "See what: backfill load status",
            ),
        )
        if rows
    ]
    return RealmOutcome(proven=not (rejected or left), troubles=troubles)
