"""The write ledger of a rehearsal on Postgres: what processes work with, what a user does to it, and its mirror."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.load_model import Imported, LoadId, NewRow, Outcome, RowState, Seal
from backfill.model import RealmId
from backfill.store.database import Database
from backfill.store.ledger import PostgresLedger
from backfill.store.ledger_import import Imports
from backfill.store.ledger_status import LedgerStatus
from backfill.store.memory_ledger import KeptRow, KeptSeal, MemoryLedger


class UsersPostgresLedger(PostgresLedger):
    """As `rehearsal.ground.UsersLedger`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._base = database

    async def add(self, rows: Sequence[NewRow]) -> Imported:
        async with Imports(self._base).begin("a rehearsal") as importing:
            await importing.add(rows)
            return await importing.finish()

    async def retry(self, load_id: LoadId | None) -> int:
        return await LedgerStatus(self._base).retry(load_id)

    async def mirror(self, ledger: MemoryLedger) -> None:
        """Bring `ledger` to what is held here, as far as oracles look at it."""
        async with self._base.control() as connection:
            rows = await connection.fetch(
                "SELECT row_id, load_id, line, realm_id, entity, operation, source_key, payload, payload_hash, needs,"
                " object_key, natural_key, rank, undoes, state, generation, doubtful_since, seal_id, object_id, before,"
                " fault_code, fault_message FROM backfill.load_row ORDER BY row_id"
            )
            seals = await connection.fetch("SELECT seal_id, request_id, lane, path, sends FROM backfill.seal")
        ledger._kept.rows = {
            row["row_id"]: KeptRow(
                row_id=row["row_id"],
                load_id=LoadId(row["load_id"]),
                new=NewRow(
                    line=row["line"],
                    realm_id=RealmId(row["realm_id"]),
                    entity=row["entity"],
                    operation=row["operation"],
                    source_key=row["source_key"],
                    payload=bytes(row["payload"]),
                    payload_hash=row["payload_hash"],
                    needs=tuple(row["needs"]),
                    object_key=row["object_key"],
                    natural_key=row["natural_key"],
                    rank=row["rank"],
                    undoes=row["undoes"],
                ),
                state=RowState(row["state"]),
                generation=row["generation"],
                doubtful_since=row["doubtful_since"],
                seal_id=row["seal_id"],
                object_id=row["object_id"],
                before=None if row["before"] is None else bytes(row["before"]),
                outcome=Outcome(
                    row["row_id"], RowState(row["state"]), code=row["fault_code"], message=row["fault_message"]
                ),
            )
            for row in rows
        }
        ledger._kept.seals = {
            row["seal_id"]: KeptSeal(
                Seal(row["seal_id"], row["request_id"], row["lane"], row["path"], (), b"", ()), (), sends=row["sends"]
            )
            for row in seals
        }
