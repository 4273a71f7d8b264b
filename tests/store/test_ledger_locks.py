"""Commands that change the same rows at once: they wait for one another, and none of them ends by a deadlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import product

import anyio
import pytest

from backfill.errors import UsageError
from backfill.load_model import LoadRow, Outcome, RowState
from backfill.store.database import Database
from backfill.store.ledger_status import LedgerStatus
from tests.postgres import PostgresServer
from tests.processes import PATIENCE_S
from tests.store import contract
from tests.store.ledger_books import Books, in_postgres, new, seal_of

Change = Callable[[Books, Database, Sequence[LoadRow]], Awaitable[object]]


async def _sealed(books: Books, _database: Database, rows: Sequence[LoadRow]) -> object:
    return await books.ledger.seal(books.lease, seal_of(*rows, request_id=rows[0].source_key), ())


async def _refused(books: Books, _database: Database, rows: Sequence[LoadRow]) -> object:
    outcomes = [Outcome(row.row_id, RowState.REJECTED, message="no", generation=row.generation) for row in rows]
    return await books.ledger.settle(books.lease, outcomes)


async def _cancelled(_books: Books, database: Database, rows: Sequence[LoadRow]) -> object:
    return await LedgerStatus(database).cancel(rows[0].load_id)


async def _imported(books: Books, _database: Database, rows: Sequence[LoadRow]) -> object:
    with suppress(UsageError):  # who comes second is told that they were sent meanwhile
        return await books.add([new(row.source_key, payload={"DisplayName": "Other"}) for row in rows])
    return None


async def _waiting_for_locks(database: Database, sessions: int) -> None:
    with anyio.fail_after(PATIENCE_S):
        while True:
            async with database.control() as connection:
                found = await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                )
            if found == sessions:
                return
            await anyio.sleep(0.01)


@pytest.mark.parametrize("one", [_sealed, _refused])
@pytest.mark.parametrize("other", [_cancelled, _imported])
async def test_two_changes_of_the_same_rows_take_them_in_one_order(
    postgres_server: PostgresServer, one: Change, other: Change
) -> None:
    """Each is held up at one of its rows, by a third session, when the other begins."""
    async with contract.fresh(postgres_server) as database:
        books = await in_postgres(database)
        for held, moved, backwards, swapped in product(range(3), (0, 2), (False, True), (False, True)):
            prefix = f"{held}{moved}{backwards}{swapped}"
            imported = await books.add([new(f"{prefix}{number}") for number in (2, 1, 0)])  # nor is the order of keys
            rows = list(await books.waiting(imported))
            given = {one: rows[::-1] if backwards else rows, other: rows if backwards else rows[::-1]}
            first, second = (other, one) if swapped else (one, other)
            async with database.control() as holder:
                # Where they lie in the table is no order either: what is changed goes to its end.
                await holder.execute("UPDATE backfill.load_row SET line = 2 WHERE row_id = $1", rows[moved].row_id)
                async with anyio.create_task_group() as group, holder.transaction():
                    await holder.execute(
                        "SELECT FROM backfill.load_row WHERE row_id = $1 FOR UPDATE", rows[held].row_id
                    )
                    group.start_soon(first, books, database, given[first])
                    await _waiting_for_locks(database, 1)
                    group.start_soon(second, books, database, given[second])
                    await _waiting_for_locks(database, 2)
            states = {state for key, state in (await books.states()).items() if key.startswith(prefix)}
            assert len(states) == 1, "one of them had all"
