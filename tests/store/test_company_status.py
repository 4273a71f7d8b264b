"""The table of companies is found and cut into pages by the database; one company's page is read by its keys."""

from __future__ import annotations

import pytest

from backfill.model import Proof, RealmId, Refusal
from backfill.store.company_status import HOW_MANY, LAST_CALLS, LOADED, PAGE, CompanyStatus
from backfill.store.database import Database
from backfill.store.owners import Owner
from tests.store.plans import rows_read
from tests.store.scene import NOW, OTHER_REALM, REALM, Work, at, live
from tests.store.sown_fleet import CALLS, COMPANIES, ENTITIES, called, calls_read

PROVEN = Proof("Bill", True, "count", 2, 2, 0, NOW)
UNPROVEN = Proof("Invoice", False, "count", 2, 1, 0, at(-60), reason="one is missing")


@pytest.fixture
async def read(work: Work, database: Database) -> Database:
    """One company that was read, and one that was parked and has a name."""
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=[])
    refusals = [Refusal("9", "22P05", "zero", b"x")]
    await work.store.land(work.lease, work.run_id, "Bill", [live("1", 1)], refusals=refusals)
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, UNPROVEN])
    await work.store.park(OTHER_REALM, work.run_id, code="c", message="it is gone", action="drop it")
    async with database.control() as connection:
        await connection.execute(
            "UPDATE backfill.realm SET name = 'Größe & 100% Ü_ber' WHERE realm_id = $1", OTHER_REALM
        )
    return database


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("", "", [REALM, OTHER_REALM]),
        ("", "nonsense", [REALM, OTHER_REALM]),
        (REALM, "", [REALM]),
        (REALM[1:], "", []),
        ("größe", "", [OTHER_REALM]),
        ("100%", "", [OTHER_REALM]),
        ("1%0", "", []),
        ("Ü_b", "", [OTHER_REALM]),
        ("%", "parked", [OTHER_REALM]),
        ("", "parked", [OTHER_REALM]),
        ("", "unproven", [REALM]),
        ("", "unread", [OTHER_REALM]),
        ("", "differing", []),
        ("", "working", [REALM]),
    ],
)
async def test_companies_are_found(read: Database, text: str, kind: str, found: list[str]) -> None:
    stored = CompanyStatus(read)
    assert [row["realm_id"] for row in await stored.page(text, kind, limit=9, offset=0)] == found
    assert await stored.how_many(text, kind) == len(found)


async def test_a_row_of_the_table(read: Database) -> None:
    first, second = await CompanyStatus(read).page("", "", limit=9, offset=0)
    assert (first["proven"], first["unproven"], first["held"], first["watermark"]) == (1, 1, 3, at(-60))
    assert (first["quarantined"], first["differing"], first["working"], first["state"]) == (1, 0, True, "active")
    assert (second["state"], second["parked_message"], second["held"]) == ("parked", "it is gone", 0)
    assert await CompanyStatus(read).page("", "", limit=1, offset=1) == [second]


async def test_one_company(read: Database, work: Work) -> None:
    stored = CompanyStatus(read)
    company = await stored.company(REALM)
    assert company is not None
    assert (company["armed"], company["connected"], company["worked_on_by"]) == (False, True, str(Owner.current()))
    assert not [name for name in company if "token" in name or "secret" in name]
    assert [row["id"] for row in await stored.aside(REALM, limit=5)] == ["9"]
    (run,) = await stored.last_runs(REALM, limit=5)
    assert (run["run_id"], run["kind"], run["state"]) == (work.run_id, "extract", "running")
    assert await stored.company(RealmId("4711")) is None
    await called(read, 5, code="610", status=400)
    await called(read, 1, realm=OTHER_REALM)
    (call,) = await stored.last_calls(REALM, limit=5)
    assert (call["code"], call["status"], call["path"]) == ("610", 400, "query")
    assert "response_body" not in call


class TestCost:
    """Of one company, or of a page of them, nothing of the others is read."""

    async def test_a_page_reads_its_own_companies_proofs(self, sown: Database) -> None:
        for offset in (0, COMPANIES - 50):
            read = await rows_read(sown, "proof", PAGE, ["", "", 50, offset])
            assert read == 50 * ENTITIES
            assert await rows_read(sown, "verification", PAGE, ["", "", 50, offset]) <= 50 * ENTITIES

    async def test_how_many_there_are_is_asked_of_the_companies_alone(self, sown: Database) -> None:
        assert await rows_read(sown, "realm", HOW_MANY, ["pany 4", ""]) == COMPANIES
        assert await rows_read(sown, "proof", HOW_MANY, ["pany 4", ""]) == 0

    async def test_the_last_calls_are_read_by_the_company(self, sown: Database) -> None:
        assert await calls_read(sown, LAST_CALLS, "9000000123", 20) <= 22

    async def test_its_rows_to_be_written_are_read_by_the_company(self, sown: Database) -> None:
        assert await rows_read(sown, "load_row", LOADED, ["9000000123", 10]) == CALLS / 5 / COMPANIES
