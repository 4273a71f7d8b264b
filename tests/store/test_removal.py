"""A company leaves: all that is its own goes, in pieces, and nothing else; whatever ends it, the same goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from backfill.errors import LeaseLostError, RealmGoneError, UsageError
from backfill.load_model import ImportFault, NewRow
from backfill.model import Lease, RealmId, RunId, Secret, Told
from backfill.store import removal
from backfill.store.database import Database
from backfill.store.inbox import Inbox
from backfill.store.ledger_import import Import, Imports
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.removal import LEDGER, OWN, PARTS, SEALS, Removal, unsaid
from backfill.store.runs import Runs, RunStatus
from backfill.store.tokens import TokenVault
from tests.store.plans import rows_read
from tests.store.scene import NOW, OTHER_REALM, REALM

KEPT = {"backfill.id_map": "a view of the ledger"}
"""Tables with a realm's id that a removal leaves as they are, each with the reason."""

FILL = (
    "INSERT INTO backfill.run (kind, scope, status, finished_at) VALUES ('extract', '{}', 'done', now())",
    "INSERT INTO backfill.realm_run SELECT run_id, $1, 'done', now(), now() FROM backfill.run",
    "INSERT INTO backfill.census SELECT run_id, $1, 'Invoice', 5 FROM backfill.run",
    "INSERT INTO backfill.slice SELECT run_id, $1, 'Invoice', 0 FROM backfill.run",
    """INSERT INTO backfill.proof SELECT $1, 'Invoice', max(run_id), true, '', 1, 1, 0, now(), '', now()
       FROM backfill.run""",
    """INSERT INTO backfill.verification SELECT $1, 'Invoice', max(run_id), now(), true, 1, 1, 1, '[]', 0, ''
       FROM backfill.run""",
    """INSERT INTO backfill.quarantine (realm_id, entity, id, run_id, code, message, raw, refused_at)
       SELECT $1, 'Invoice', '7', max(run_id), '', '', '', now() FROM backfill.run""",
    "INSERT INTO backfill.permit VALUES ($1, now(), '[]')",
    "SELECT backfill.make_calls_of(current_date), $1::text",
    """INSERT INTO backfill.call (asked_at, realm_id, lane, method, path, params, request_id, attempt, code, intuit_tid,
           duration_s, request_bytes, response_bytes)
       SELECT clock_timestamp(), $1, 'query', 'GET', '', '', '', 1, '', '', 0, 0, 0 FROM generate_series(1, 30)""",
    """INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at, settled_at)
       SELECT sha256(($1 || n)::bytea), $1, 'Invoice', n, 'create', now(), CASE WHEN n > 5 THEN now() END
       FROM generate_series(1, 30) AS n""",
    """INSERT INTO qbo.report (realm_id, report, parameters, period_start, period_end, date_start, date_end, number,
           cut, closes, basis, currency, header, columns, intuit_tid, cell_count, body, body_bytes, figures, faults,
           run_id, fetched_at)
       SELECT $1, 'GeneralLedger', '', day, day, day, day, 0, '', true, '', '', '{}', '[]', '', 0, '', 0, '{}', '{}', 1,
           now() FROM generate_series(1, 30) AS n, LATERAL (SELECT date '2026-01-01' + n AS day) AS days""",
    """INSERT INTO qbo.report_row SELECT report_id, n, '', 0, 'data', '', '', NULL, NULL, NULL, '{}', '{}'
       FROM qbo.report, generate_series(1, 3) AS n WHERE realm_id = $1""",
    """INSERT INTO backfill.seal (realm_id, request_id, lane, path, params, body, row_ids, epoch)
       SELECT $1, n, 'batch', '/batch', '[]', '', ARRAY[n], 1 FROM generate_series(1, 30) AS n""",
    "INSERT INTO backfill.load (source) SELECT $1",
    """INSERT INTO backfill.load (source)
       SELECT 'both' WHERE $1 <> '' AND NOT EXISTS (SELECT FROM backfill.load WHERE source = 'both')""",
    """INSERT INTO backfill.load_row (load_id, line, realm_id, entity, operation, source_key, payload, payload_hash,
           needs, object_key, natural_key, rank, state, seal_id)
       SELECT load_id, n, $1, 'Invoice', 'create', load_id || '.' || n, '{}', '', '{}', '', '', 3, 'sealed', n
       FROM backfill.load, generate_series(1, 30) AS n WHERE source IN ($1, 'both')""",
    # The first of them is taken back by the last, which is the last company's of the same load.
    """INSERT INTO backfill.load_row (load_id, line, realm_id, entity, operation, source_key, payload, payload_hash,
           needs, object_key, natural_key, rank, undoes)
       SELECT min(load_id), 99, $1, 'Invoice', 'delete', 'undo', '{}', '', '{}', '', '', 3, max(row_id)
       FROM backfill.load_row WHERE realm_id = $1""",
)
ENTITY_ROWS = """
INSERT INTO {table} (realm_id, id, doc, run_id) SELECT $1, n, '{{"a": 1}}', 1 FROM generate_series(1, 30) AS n
"""


async def filled(database: Database, *realm_ids: RealmId) -> None:
    """Rows of the companies in every table."""
    async with database.control() as connection:
        for realm_id in realm_ids:
            for statement in FILL:
                await connection.execute(statement, *([realm_id] if "$1" in statement else []))
            for part in PARTS:
                if part.table.startswith("qbo.") and part.table != "qbo.report":
                    await connection.execute(ENTITY_ROWS.format(table=part.table), realm_id)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that thirty rows are several."""
    monkeypatch.setattr(removal, "ROWS_A_PIECE", 7)
    monkeypatch.setattr(removal, "WITH_MANY_A_PIECE", 7)


@pytest.fixture
async def held(database: Database, realms: Realms) -> Removal:
    """Two companies with rows everywhere."""
    await filled(database, REALM, OTHER_REALM)
    return Removal(database)


def remover(database: Database, owner: Owner | None = None) -> PostgresStore:
    return PostgresStore(database, owner=owner, removes=True)


async def through(held: Removal, lease: Lease, *, pieces: int = 10_000) -> Counter[str]:
    """So many pieces of the removal, and its end if there are no more."""
    rows = Counter[str]()
    await held.mark(lease)
    async for table, number in held.pieces(lease):
        rows[table] += number
        pieces -= 1
        if not pieces:
            return rows
    assert await held.end(lease)
    return rows


async def tables_with(database: Database, realm_id: RealmId) -> set[str]:
    """All tables in which the company's id stands anywhere, the log of removals left out."""
    async with database.control() as connection:
        names = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
            " WHERE table_schema IN ('qbo', 'backfill') AND table_type = 'BASE TABLE'"
        )
        found = set()
        for row in names:
            if await connection.fetchval(
                f"SELECT count(*) FROM {row['name']} AS held WHERE position($1 IN held::text) > 0", realm_id
            ):
                found.add(row["name"])
    return found


async def test_every_table_of_a_company_is_known(database: Database) -> None:
    """Whoever makes a table with a realm's id says here what becomes of it."""
    async with database.control() as connection:
        rows = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.columns"
            " WHERE column_name = 'realm_id' AND table_schema IN ('qbo', 'backfill')"
        )
        points = await connection.fetch(
            "SELECT conrelid::regclass::text AS of, confrelid::regclass::text AS at FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace IN ('qbo'::regnamespace, 'backfill'::regnamespace)"
        )
    found = {row["name"] for row in rows if not row["name"].startswith("backfill.call_")}
    gone = {table for part in (*PARTS, SEALS) for table in part.tables} | {*LEDGER, OWN}
    assert found - gone - KEPT.keys() == set(), "neither deleted nor kept for a reason"
    assert gone - found == {"qbo.report_row"}, "which has no realm's id, but its report's"
    # And what has none itself, but is of something that goes.
    of_them = {row["of"] for row in points if row["at"] in gone}
    assert of_them - gone == set()


async def test_all_of_the_company_goes_and_nothing_else(database: Database, held: Removal) -> None:
    before, others = await held.count(REALM), await held.count(OTHER_REALM)
    gone = {table for part in (*PARTS, SEALS) for table in part.tables} | set(LEDGER)
    assert before.keys() == gone == others.keys(), "there is something everywhere"
    rows = await through(held, await remover(database).acquire(REALM))
    with_others = {table for part in PARTS for table in part.tables[1:]}
    assert rows == {table: number for table, number in before.items() if table not in with_others}
    assert await held.count(REALM) == {}
    assert await tables_with(database, REALM) == set()
    assert await held.count(OTHER_REALM) == others
    async with database.control() as connection:
        loads = [row["source"] for row in await connection.fetch("SELECT source FROM backfill.load ORDER BY 1")]
    assert loads == [OTHER_REALM, "both"]


@pytest.mark.parametrize("pieces", [1, 9, 60, 200, 230])
async def test_who_is_killed_is_gone_on_for(database: Database, held: Removal, pieces: int) -> None:
    here = Owner.current()
    dead = Owner(here.host, here.boot, 2**22 + 1, 1)  # above any pid: that process is not there
    others = await held.count(OTHER_REALM)
    await through(held, await remover(database, dead).acquire(REALM), pieces=pieces)
    assert await held.count(REALM)
    # What runs, and would take it over from the dead, must not read what is half gone; nor may anybody wake it.
    with pytest.raises(RealmGoneError, match="is being removed"):
        await PostgresStore(database).acquire(REALM)
    await through(held, await remover(database).acquire(REALM))
    assert await tables_with(database, REALM) == set()
    assert await held.count(OTHER_REALM) == others


async def test_nothing_wakes_a_company_that_is_being_removed(
    database: Database, held: Removal, realms: Realms, vault: TokenVault
) -> None:
    lease = await remover(database).acquire(REALM)
    await through(held, lease, pieces=3)
    assert await realms.unpark([REALM]) == []
    await PostgresStore(database).park(REALM, RunId(1), code="3100", message="x", action="y")
    with pytest.raises(RealmGoneError, match="is being removed"):
        await realms.import_grants([RealmGrant(REALM, Secret("new"))], vault, granted_at=NOW)
    await remover(database).release(lease)
    with pytest.raises(RealmGoneError, match="is being removed"):
        await PostgresStore(database).acquire(REALM)
    assert (await realms.get(REALM)).parked_code == "removing"
    assert REALM not in await realms.proven(["Invoice"], wanted=["Invoice"])


async def test_with_a_stale_lease_nothing_is_deleted(database: Database, held: Removal) -> None:
    lease = await remover(database).acquire(REALM)
    await held.mark(lease)
    await remover(database).release(lease)
    before = await held.count(REALM)
    for work in (held.mark(lease), anext(held.pieces(lease)), held.end(lease)):
        with pytest.raises(LeaseLostError):
            await work
    assert await held.count(REALM) == before


def row(realm_id: RealmId, key: str) -> NewRow:
    return NewRow(
        line=1, realm_id=realm_id, entity="Customer", operation="create", source_key=key, payload=b"{}",
        payload_hash=key.encode(), needs=(), object_key=f"new Customer/{key}", natural_key="", rank=1, undoes=None,
    )  # fmt: skip


async def nothing(_importing: Import) -> Sequence[ImportFault]:
    return []


async def test_rows_that_are_imported_meanwhile_do_not_outlive_it(
    database: Database, held: Removal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed before the end goes too; and what was not finds its company gone."""
    lease = await remover(database).acquire(REALM)
    with pytest.raises(UsageError, match="not registered"):  # noqa: PT012  # what it raises within drops its rows
        async with Imports(database).begin("too late") as late:
            await _beside(database, held, lease, late)
            monkeypatch.setattr(Import, "faults", nothing)  # it has looked before
            await late.finish()
    assert await tables_with(database, REALM) == set()


async def _beside(database: Database, held: Removal, lease: Lease, late: Import) -> None:
    """The whole removal, while an import that is not at its end yet has rows of the company."""
    await late.add([row(REALM, "late")])
    assert await late.faults() == []
    async with Imports(database).begin("early") as early:
        await early.add([row(REALM, "early")])
        await early.finish()
    await held.mark(lease)
    async for _ in held.pieces(lease):
        pass
    async with database.control() as connection:
        await connection.execute(
            "INSERT INTO backfill.load_row (load_id, line, realm_id, entity, operation, source_key, payload,"
            " payload_hash, needs, object_key, natural_key, rank) SELECT min(load_id), 1, $1, 'Customer', 'create',"
            " 'between', '{}', '', '{}', '', '', 1 FROM backfill.load",
            REALM,
        )
    assert not await held.end(lease), "its pieces are gone through again"
    await through(held, lease)


async def test_other_runs_no_longer_name_it(database: Database, held: Removal) -> None:
    runs = Runs(database, owner=Owner.current())
    started = await runs.start("extract", {"realms": [REALM, OTHER_REALM]}, [REALM, OTHER_REALM])
    trouble = {"realm_id": REALM, "message": f"realm {REALM} is odd"}
    summary = {"errors": [trouble, {"realm_id": OTHER_REALM}], "tokens": {"refreshed": [REALM]}, "wall_s": 1.5}
    await runs.finish(started.run_id, RunStatus.INCOMPLETE, summary)
    removing = await runs.start(removal.KIND, {"realms": [REALM]}, [])
    lease = await remover(database).acquire(REALM)
    assert await held.removed([REALM, RealmId("4711")]) == []
    await through(held, lease)
    assert await tables_with(database, REALM) == {"backfill.run"}
    assert await held.removed([REALM, OTHER_REALM, RealmId("4711")]) == [REALM]
    async with database.control() as connection:
        kept = await connection.fetchrow(
            "SELECT scope::text, summary::text FROM backfill.run WHERE run_id = $1", started.run_id
        )
        named = await connection.fetch(
            "SELECT run_id FROM backfill.run WHERE position($1 IN scope::text || coalesce(summary::text, '')) > 0",
            REALM,
        )
    assert kept is not None
    assert kept["scope"] == f'{{"realms": ["{OTHER_REALM}"]}}'
    assert REALM not in kept["summary"]
    assert '"wall_s": 1.5' in kept["summary"]
    assert [each["run_id"] for each in named] == [removing.run_id]


async def test_a_webhook_of_it_is_of_none_that_is_registered(database: Database, held: Removal) -> None:
    await through(held, await remover(database).acquire(REALM))
    stored = await Inbox(database).store([Told(b"later", REALM, "Invoice", "1", "update", NOW)])
    assert (stored.new, stored.unknown_realms) == (1, [REALM])


def test_what_names_a_company_is_taken_out_of_json() -> None:
    said = {
        "realms": ["1", "12"],
        "errors": [{"realm_id": "1", "code": "x"}, {"realm_id": "12"}],
        "of": {"1": 2, "3": 4},
    }
    assert unsaid(RealmId("1"), said) == {"realms": ["12"], "errors": [{"realm_id": "12"}], "of": {"3": 4}}
    assert unsaid(RealmId("1"), "all") == "all"


async def test_a_run_that_begins_leaves_out_who_is_gone(database: Database, held: Removal) -> None:
    await through(held, await remover(database).acquire(REALM))
    started = await Runs(database, owner=Owner.current()).start("extract", {}, [REALM, OTHER_REALM])
    async with database.control() as connection:
        part = await connection.fetch("SELECT realm_id FROM backfill.realm_run WHERE run_id = $1", started.run_id)
    assert [each["realm_id"] for each in part] == [OTHER_REALM]


async def test_calls_that_are_written_late_are_swept(database: Database, held: Removal) -> None:
    call = next(statement for statement in FILL if "INTO backfill.call " in statement)
    await through(held, await remover(database).acquire(REALM))
    async with database.control() as connection:
        await connection.execute(call, REALM)
    before = await held.count(OTHER_REALM)
    await held.sweep_calls(REALM)
    await held.sweep_calls(OTHER_REALM)  # which is there: its log is its own
    assert await held.count(REALM) == {}
    assert await held.count(OTHER_REALM) == before


@pytest.mark.parametrize("known", ["nothing", "all"])
async def test_a_piece_reads_its_own_rows(database: Database, held: Removal, known: str) -> None:
    """And not those of the others, who are many; whatever the planner believes."""
    await filled_by_many(database)
    if known == "all":
        async with database.control() as connection:
            await connection.execute("ANALYZE")
    lease = await remover(database).acquire(REALM)
    found = {}
    for number, part in enumerate(part for part in PARTS if part.table in LARGE):
        values: Sequence[object] = [lease.realm_id, lease.epoch, lease.owner, part.first, 7]
        name = part.table.partition(".")[2]
        if name == "call":
            async with database.control() as connection:
                name = await connection.fetchval(
                    "SELECT relname FROM pg_class WHERE relname LIKE 'call\\_2%' AND relkind = 'r'"
                )
        found[part.table, number] = await rows_read(database, name, part.delete, values)
    assert len(found) == 4
    assert {name: rows for name, rows in found.items() if not 7 <= rows <= 4 * 7} == {}


async def test_what_points_to_what_goes_is_found_by_an_index(database: Database) -> None:
    """Else each row that is deleted would be looked for through the whole of another table."""
    gone = sorted({table for part in (*PARTS, SEALS) for table in part.tables} | {*LEDGER, OWN, "backfill.load"})
    async with database.control() as connection:
        keys = await connection.fetch(
            """
            SELECT conname, EXISTS (
                SELECT FROM pg_index
                WHERE indrelid = conrelid AND (indpred IS NULL OR indisunique)
                    AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
            ) AS indexed
            FROM pg_constraint WHERE contype = 'f' AND confrelid::regclass::text = ANY ($1)
            """,
            gone,
        )
    assert len(keys) > 10
    assert [key["conname"] for key in keys if not key["indexed"]] == []


LARGE = {"qbo.invoice", "backfill.call", "backfill.webhook_event"}
MANY = 3_000


async def filled_by_many(database: Database) -> None:
    """Thousands of rows of nine companies, two of them ours, in the tables that grow."""
    async with database.control() as connection:
        for statement in (
            """INSERT INTO qbo.invoice (realm_id, id, doc, run_id)
               SELECT $2 || n % 9, 'm' || n, '{}', 1 FROM generate_series(1, $1) AS n""",
            """INSERT INTO backfill.call (asked_at, realm_id, lane, method, path, params, request_id, attempt, code,
                   intuit_tid, duration_s, request_bytes, response_bytes)
               SELECT date_trunc('day', now()), $2 || n % 9, 'query', 'GET', '', '', '', 1, '', '', 0, 0, 0
               FROM generate_series(1, $1) AS n""",
            """INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at, settled_at)
               SELECT sha256((n || 'x')::bytea), $2 || n % 9, 'Invoice', n, 'create', now(),
                   CASE WHEN n % 2 = 0 THEN now() END FROM generate_series(1, $1) AS n""",
        ):
            await connection.execute(statement, MANY, REALM[:-1])
