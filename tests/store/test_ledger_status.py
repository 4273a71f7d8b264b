"""What people are told of the ledger."""

from __future__ import annotations

from backfill.jobs.load.ports import BEGINNING
from backfill.load_model import Outcome, RowState
from backfill.store.ledger_status import LedgerStatus
from tests.postgres import PostgresServer
from tests.store import contract
from tests.store.ledger_books import in_postgres, new
from tests.store.scene import REALM


async def test_what_was_adopted_and_is_for_a_person_to_look_at_is_named(postgres_server: PostgresServer) -> None:
    async with contract.fresh(postgres_server) as database:
        books = await in_postgres(database)
        loads = (await books.add([new("a"), new("b"), new("c")])).loads
        rows = await books.rows(loads)
        await books.sealed(*rows.values())
        told = {"code": "differs", "message": "it does not hold all", "action": "Change it."}
        await books.ledger.settle(
            books.lease,
            [
                Outcome(rows["a"].row_id, RowState.ADOPTED, "7", **told),
                Outcome(rows["b"].row_id, RowState.ADOPTED, "8"),
                Outcome(rows["c"].row_id, RowState.REJECTED, **told),
            ],
        )
        found = (await LedgerStatus(database).audit(loads[0]))["ambiguous"]
        assert [(row["source_key"], row["object_id"], row["action"]) for row in found] == [("a", "7", "Change it.")]


async def test_of_more_than_a_hundred_requests_in_doubt_the_newest_are_named_and_all_counted(
    postgres_server: PostgresServer,
) -> None:
    async with contract.fresh(postgres_server) as database:
        books = await in_postgres(database)
        loads = (await books.add([new(f"k{number}") for number in range(101)])).loads
        rows = await books.ledger.waiting(REALM, loads, after=BEGINNING, limit=200)
        seals = [await books.sealed(row, request_id=row.source_key) for row in rows]
        await books.ledger.lose(books.lease, [seal.seal_id for seal in seals], taken_over=True)
        audit = await LedgerStatus(database).audit(loads[0])
        assert audit["taken_over_count"] == 101
        assert [seal["request_id"] for seal in audit["taken_over"]] == [f"k{number}" for number in range(100, 0, -1)]
        assert (audit["ambiguous_count"], audit["ambiguous"]) == (0, [])


async def test_what_the_same_load_made_goes_and_its_changes_with_it(postgres_server: PostgresServer) -> None:
    """Told row by row: an undo of a million rows takes the memory of a few."""
    async with contract.fresh(postgres_server) as database:
        books = await in_postgres(database)
        status = LedgerStatus(database)
        changes = [new(key, operation="update", object_key=f"Customer#{key}") for key in ("7", "9")]
        first = (await books.add([new("a"), *changes])).loads
        rows = await books.rows(first)
        await books.settle({rows["a"].row_id: "7", rows["7"].row_id: "7", rows["9"].row_id: "9"})
        later = (await books.add([new("later", operation="update", object_key="Customer#7")])).loads
        await books.settle({row.row_id: "7" for row in (await books.rows(later)).values()})
        found = {row.source_key: row.goes for load in (*first, *later) async for row in status.done(load)}
        assert found == {"a": False, "7": True, "9": False, "later": False}
        undoing = await books.add([new("undo:1", operation="delete", undoes=rows["a"].row_id)])
        await books.settle({row.row_id: "7" for row in await books.waiting(undoing)})
        assert {row.source_key: row.goes async for row in status.done(first[0])} == {"7": True, "9": False}
