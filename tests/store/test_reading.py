"""What people read of any length: neither their pace nor what they ask for is hurried as our own statements are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import pytest

from backfill.load_model import LoadId, Outcome, RowState
from backfill.store import database as database_module
from backfill.store.call_search import CallSearch, Wanted
from backfill.store.database import Database, open_database
from backfill.store.ledger_status import LedgerStatus
from backfill.store.reading import rows_of
from tests.postgres import SMALL_POOLS
from tests.store.ledger_books import in_postgres, new
from tests.store.test_call_log import answered, log_of

Reader = Callable[[Database], AsyncIterator[object]]

READERS: dict[str, Reader] = {
    "a query of the user's": lambda database: rows_of(database, "SELECT 1 AS one"),
    "the call log": lambda database: CallSearch(database).calls(Wanted()),
    "the dead letter": lambda database: LedgerStatus(database).rejected(None),
    "what a load did": lambda database: LedgerStatus(database).done(LoadId(1)),
}


async def with_a_row_of_each(database: Database) -> None:
    log = log_of(database)
    log.observe(answered())
    await log.settle()
    books = await in_postgres(database)
    rows = await books.rows((await books.add([new("a"), new("b")])).loads)
    refused = Outcome(rows["b"].row_id, RowState.REJECTED, code="6000", message="no", action="Look.")
    await books.ledger.settle(books.lease, [Outcome(rows["a"].row_id, RowState.APPLIED, "7"), refused])


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
async def test_who_reads_slowly_is_not_taken_for_dead(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    """As `--export -` into a pager does."""
    monkeypatch.setattr(database_module, "ABANDONED_TRANSACTION_S", 0.3)
    async with open_database(database_dsn, sizes=SMALL_POOLS) as database:
        await with_a_row_of_each(database)
        read = 0
        async for _ in reader(database):
            read += 1
            await anyio.sleep(0.9)
    assert read == 1


async def test_a_query_may_take_longer_than_a_statement_of_ours(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CONTROL_COMMAND_TIMEOUT_S", 1.0)
    async with open_database(database_dsn, sizes=SMALL_POOLS) as database:
        found = [row async for row in rows_of(database, "SELECT 1 AS one FROM pg_sleep(1.5)")]
    assert found == [{"one": 1}]
