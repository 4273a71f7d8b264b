"""Imports into Postgres: what is wrong with a source as a whole, nothing left of it, and a million rows."""

from __future__ import annotations

import asyncio
import hashlib
import resource
from collections.abc import Sequence

import pytest
from msgspec import structs

from backfill.errors import UnavailableError, UsageError
from backfill.load_model import Imported, ImportFault, NewRow
from backfill.model import RealmId
from backfill.store import ledger_import
from backfill.store.database import Database
from backfill.store.ledger_import import Import, Imports
from backfill.store.realms import Realms
from tests.processes import PATIENCE_S
from tests.store.scene import OTHER_REALM, REALM


def new(key: str, line: int = 1, *, name: str = "", realm_id: RealmId = REALM, needs: tuple[str, ...] = ()) -> NewRow:
    payload = f'{{"DisplayName":"{name or key}"}}'.encode()
    return NewRow(
        line=line,
        realm_id=realm_id,
        entity="Customer",
        operation="create",
        source_key=key,
        payload=payload,
        payload_hash=hashlib.sha256(payload).digest(),
        needs=needs,
        object_key=f"new Customer/{key}",
        natural_key=f"DisplayName={name or key}",
        rank=5,
    )


async def imported(database: Database, *rows: NewRow) -> Imported:
    async with Imports(database).begin("a file") as importing:
        await importing.add(rows)
        return await importing.finish()


async def count(database: Database, table: str = "load_row") -> int:
    async with database.control() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM backfill.{table}"))


async def apply_all(database: Database) -> None:
    """As if every row had been sent, and made an object."""
    async with database.control() as connection:
        await connection.execute("UPDATE backfill.load_row SET state = 'applied', object_id = row_id::text")


@pytest.mark.usefixtures("realms")
class TestFaults:
    async def test_contradictions_within_the_source(self, database: Database) -> None:
        with pytest.raises(UsageError, match="line 2: Customer a stands in line 1 already, with another payload"):
            await imported(database, new("a", 1), new("a", 2, name="b"), new("c", 3))
        assert (await count(database), await count(database, "load")) == (0, 0)

    async def test_a_change_that_is_to_be_done_again_after_another_one(self, database: Database) -> None:
        """It is known by what it says, and would be left out: then the object would end as the other one says."""

        def changes(*names: str) -> list[NewRow]:
            made = [new("a", line, name=name) for line, name in enumerate(names, start=1)]
            return [structs.replace(row, operation="update", object_key="Customer/a") for row in made]

        with pytest.raises(UsageError, match="line 3: update of Customer a stands in line 1 already"):
            await imported(database, *changes("x", "y", "x"))
        assert (await imported(database, *changes("x", "y", "x", "y"))).added == 2, "a file that is there twice"
        assert (await imported(database, *changes("x", "y", "y"))).known == 3

    async def test_realms_that_are_none(self, database: Database) -> None:
        with pytest.raises(UsageError, match="line 7: realm 404 is not registered"):
            await imported(database, new("a", 1), new("b", 7, realm_id=RealmId("404")))
        assert await count(database) == 0

    async def test_what_postgres_cannot_hold(self, database: Database) -> None:
        row = structs.replace(new("b", 8), payload=b'{"TxnApprovalInfo":1e999999999}')
        with pytest.raises(UsageError, match="lines 7 to 8: Postgres cannot hold one of them"):
            await imported(database, new("a", 7), row)
        assert (await count(database), await count(database, "load")) == (0, 0)

    async def test_what_was_made_already_is_not_made_another_way(self, database: Database) -> None:
        await imported(database, new("a"))
        await apply_all(database)
        with pytest.raises(UsageError, match="Customer a was created by load 1 with another payload"):
            await imported(database, new("a", name="other"))
        assert (await imported(database, new("a"))).known == 1

    async def test_a_source_that_breaks_off_leaves_nothing(self, database: Database) -> None:
        async def break_off() -> None:
            async with Imports(database).begin("a file") as importing:
                await importing.add([new("a")])
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await break_off()
        assert await count(database, "load") == 0

    async def test_references_to_nothing_are_listed(self, database: Database) -> None:
        await imported(database, new("there"))
        rows = [
            new("a", needs=("Customer/there", "Customer/b", "Item/x/y", "Account?Name=Cash")),
            new("b", realm_id=REALM),
            new("c", realm_id=OTHER_REALM, needs=("Customer/there",)),
        ]
        async with Imports(database).begin("a file") as importing:
            await importing.add(rows)
            assert await importing.missing() == ["Customer/there", "Item/x/y"], "each realm has its own"


async def test_two_imports_at_once_add_each_row_once(database: Database, realms: Realms) -> None:
    rows = [new(str(number), number) for number in range(500)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(imported(database, *rows)) for _ in range(3)]
    assert sum(task.result().added for task in tasks) == 500
    assert await count(database) == 500


@pytest.mark.long
async def test_a_million_rows_in_little_memory(database: Database, realms: Realms) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Imports(database).begin("a file") as importing:
        for start in range(0, 1_000_000, 1000):
            await importing.add([new(str(number), number) for number in range(start, start + 1000)])
        assert (await importing.finish()).added == 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


class TestPaused:
    """A process that is stopped in an import, while another does all of it; and wakes."""

    async def test_while_it_reads_its_source(self, database: Database, realms: Realms) -> None:
        rows = [new(str(number), number) for number in range(20)]
        async with Imports(database).begin("a file") as importing:
            await importing.add(rows[:10])
            theirs = await imported(database, *rows)
            await apply_all(database)
            await importing.add(rows[10:])
            ours = await importing.finish()
        assert (theirs.added, ours.added, ours.replaced, ours.known) == (20, 0, 0, 20)
        assert ours.loads == theirs.loads, "it goes on with the other's load"
        assert (await count(database), await count(database, "load")) == (20, 1)

    async def test_when_all_is_added_and_nothing_committed(
        self, database: Database, realms: Realms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other waits for its rows no longer than an abandoned transaction is left alone."""
        monkeypatch.setattr(ledger_import, "ABANDONED_TRANSACTION_S", 1)
        rows = [new(str(number), number) for number in range(20)]

        async def paused() -> None:
            async with Imports(database).begin("a file") as importing:
                await importing.add(rows)
                assert (await importing.finish()).added == 20
                async with asyncio.timeout(PATIENCE_S):
                    assert (await imported(database, *rows)).added == 20

        with pytest.raises(UnavailableError, match="cannot be reached"):
            await paused()
        assert (await count(database), await count(database, "load")) == (20, 1)

    async def test_when_it_had_seen_that_nothing_speaks_against_it(
        self, database: Database, realms: Realms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was made under its keys meanwhile stands, and is said: its own rows are not taken for the same."""
        faults = Import.faults

        async def paused(importing: Import) -> Sequence[ImportFault]:
            seen = await faults(importing)
            monkeypatch.undo()
            await imported(database, new("a", name="theirs"), new("b"))
            await apply_all(database)
            return seen

        monkeypatch.setattr(Import, "faults", paused)
        with pytest.raises(UsageError, match="line 3: Customer a came with another payload in load 1 meanwhile"):
            await imported(database, new("a", 3, name="ours"), new("b", 4), new("c", 5))
        assert (await count(database), await count(database, "load")) == (2, 1)
