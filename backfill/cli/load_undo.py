"""Undoing a load: its reversal is a load of its own, imported and written like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from backfill.cli.loading import Loading, required_loads, run_load
from backfill.cli.output import say
from backfill.config import Settings
from backfill.errors import UnavailableError, UsageError
from backfill.jobs.load.options import Mode
from backfill.jobs.load.undo import Generations, Reversal, reversal_of
from backfill.load_model import Imported, LoadId, NewRow, RowState
from backfill.qbo.operations import Operation
from backfill.store.database import Database
from backfill.store.ledger_import import Imports
from backfill.store.ledger_status import DoneRow, LedgerStatus

_ROWS_AT_ONCE = 500


async def list_reversals(database: Database, load_id: LoadId) -> Sequence[Mapping[str, object]]:
    """What undoing would do, newest first."""
    return [
        {"realm_id": done.realm_id, "reversal": reversal.words, "caveat": reversal.caveat}
        async for done, reversal in _reversals(database, load_id)
    ]


async def undo_load(settings: Settings, database: Database, load_id: LoadId, *, mode: Mode, wait: bool) -> Loading:
    """Take the load back. What of it is in doubt is settled first. Raises `BackfillError`."""
    ledger = LedgerStatus(database)
    cancelled = await ledger.cancel(load_id)
    if cancelled:
        say(f"{cancelled:,} rows were not sent yet, and will not be.")
    if await ledger.open_loads(load_id):
        await run_load(
            settings, database, loads=[load_id], imported=None, mode=mode, allow_duplicate_numbers=False, wait=wait
        )
        await ledger.cancel(load_id)
        if await ledger.open_loads(load_id):
            raise UnavailableError(
                f"some rows of load {load_id} are still in doubt, so that it is not known what to undo",
                action="see backfill load status; then give the command again",
            )
    imported = await _imported(database, load_id)
    # An undoing that was ended before its time has what it was to take back, and this one has only the rest.
    earlier = await ledger.undoings(load_id, RowState.WAITING, RowState.SEALED)
    loads = sorted({*imported.loads, *earlier})
    refused = await ledger.undoings(load_id, RowState.REJECTED)
    if refused and not loads:
        raise UsageError(
            f"What is left of load {load_id} could not be taken back.",
            action=f"See why: backfill load status {refused[-1]}. Then: backfill load retry {refused[-1]}",
        )
    return await run_load(
        settings,
        database,
        loads=required_loads(loads, "undo"),
        imported=imported,
        mode=mode,
        allow_duplicate_numbers=True,
        wait=wait,
    )


async def _imported(database: Database, load_id: LoadId) -> Imported:
    rows: list[NewRow] = []
    async with Imports(database).begin(f"undo of load {load_id}", undoes=load_id) as importing:
        async for _, reversal in _reversals(database, load_id):
            if reversal.caveat:
                say(f"{reversal.words}: {reversal.caveat}")
            if reversal.row is not None:
                rows.append(reversal.row)
            if len(rows) >= _ROWS_AT_ONCE:
                await importing.add(rows)
                rows = []
        await importing.add(rows)
        return await importing.finish()


async def _reversals(database: Database, load_id: LoadId) -> AsyncIterator[tuple[DoneRow, Reversal]]:
    ledger = LedgerStatus(database)
    line = 0
    generations = Generations()
    async for done in ledger.done(load_id):
        line += 1
        yield (
            done,
            reversal_of(
                done.row_id,
                done.realm_id,
                done.entity,
                Operation(done.operation),
                done.object_id,
                done.before,
                sent=done.payload,
                line=line,
                goes=done.goes,
                below=generations.below(done.realm_id, done.entity, done.source_key, done.object_id, done.payload),
            ),
        )
