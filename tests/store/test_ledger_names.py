"""Names in Postgres: whom a reference stands for that is written in another case, or that fits several."""

from __future__ import annotations

from backfill.load_model import Need
from backfill.store.database import Database
from backfill.store.ledger import PostgresLedger
from backfill.store.realms import Realms
from tests.store import contract
from tests.store.scene import REALM, live
from tests.store.test_ledger_import import imported, new

ACME = [Need("Customer", "DisplayName", name) for name in ("acme", "Acme", "ACME")]


async def test_every_spelling_has_its_holder(database: Database, realms: Realms) -> None:
    await imported(database, new("a", name="acme"))
    found = await PostgresLedger(database).holders(REALM, ACME)
    assert [(found[need].object_id, found[need].several) for need in ACME] == [(None, False)] * 3


async def test_every_spelling_has_its_landed_object(database: Database) -> None:
    subject = await contract.in_postgres(database)
    lease = await subject.store.acquire(REALM)
    await subject.store.land(lease, subject.run_id, "Customer", [live("5", 1, doc=b'{"DisplayName":"Acme"}')])
    assert await PostgresLedger(database).landed(REALM, ACME) == {need: ["5"] for need in ACME}


async def test_that_a_name_stands_below_several_parents_is_said(database: Database, realms: Realms) -> None:
    rows = [new(key, number, name="acme") for number, key in enumerate("abc", start=1)]
    await imported(database, *rows)
    async with database.control() as connection:
        below = "UPDATE backfill.load_row SET payload = payload || jsonb_build_object('ParentRef', $1::text)"
        await connection.execute(below, "1")
        ledger = PostgresLedger(database)
        assert not (await ledger.holders(REALM, ACME))[ACME[0]].several
        await connection.execute(f"{below} WHERE source_key = 'c'", "2")
        assert (await ledger.holders(REALM, ACME))[ACME[0]].several
        await connection.execute("UPDATE backfill.load_row SET state = 'undone' WHERE source_key = 'c'")
        assert not (await ledger.holders(REALM, ACME))[ACME[0]].several


async def test_rows_are_found_by_their_other_attributes(database: Database, realms: Realms) -> None:
    await imported(database, *(new(key, number) for number, key in enumerate("abcde", start=1)))
    needs = [Need("Customer", "Sku", value) for value in ("X-1", "x-1", "X-2", "X-3")]
    async with database.control() as connection:
        await connection.execute("UPDATE backfill.load_row SET operation = 'update' WHERE source_key = 'e'")
        for key, sku, state in (
            ("a", "x-1", "waiting"), ("b", "X-1", "applied"), ("c", "X-2", "rejected"),
            ("d", "Y-9", "applied"), ("e", "X-3", "applied"),
        ):  # fmt: skip
            await connection.execute(
                """UPDATE backfill.load_row SET payload = payload || jsonb_build_object('Sku', $2::text), state = $3,
                    object_id = 7, fault_message = 'none' WHERE source_key = $1""",
                key, sku, state,
            )  # fmt: skip
    found = await PostgresLedger(database).holders_by_attribute(REALM, needs)
    assert {need.value: holder.state.value for need, holder in found.items()} == {"X-1": "applied", "x-1": "applied"}
