"""The contract of `jobs.ports.Store`: one suite, for the twin in memory and for Postgres.

What the one does the other does, so what is shown over the twin in virtual time holds for the database.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio
import anyio.from_thread
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from backfill.errors import LeaseLostError, RealmBusyError, UsageError
from backfill.jobs.ports import Store
from backfill.model import Checkpoint, Held, Landed, Lease, Proof, RealmId, Record, Refusal, RunId, Scan, Slice
from backfill.store.database import Database, open_database
from backfill.store.entity_tables import table_of
from backfill.store.memory_store import MemoryStore
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.runs import Runs
from tests.postgres import SMALL_POOLS, PostgresServer
from tests.store.scene import NOW, OTHER_REALM, REALM, at, deleted, live

REALMS = (REALM, OTHER_REALM)
ELSEWHERE = Owner("another-machine", "boot", 1, 1)

Content = dict[str, tuple[str, datetime | None]]
"""Id to the document (canonical) and the mark of deletion."""


@dataclass(frozen=True)
class Subject:
    """A store under the contract, as two processes see it, and a look behind it."""

    store: Store
    theirs: Store
    run_id: RunId
    other_run: RunId
    content: Callable[[RealmId, str], Awaitable[Content]]
    proofs: Callable[[RealmId], Awaitable[dict[str, Proof]]]
    is_parked: Callable[[RealmId], Awaitable[tuple[str, str, str] | None]]
    expire: Callable[[RealmId], Awaitable[None]]
    """Let the realm's lease run out."""

    async def land(
        self, lease: Lease, *records: Record, entity: str = "Invoice", refusals: Sequence[Refusal] = (), **more: bool
    ) -> Landed:
        return await self.store.land(lease, self.run_id, entity, records, refusals=refusals, **more)

    async def begin(self, lease: Lease, *slices: Slice, run_id: RunId | None = None, **census: int) -> None:
        await self.store.begin_scan(lease, run_id or self.run_id, started_at=NOW, census=census, slices=slices)


def canonical(doc: bytes) -> str:
    """Members in order, numbers with their scale."""
    exact = json.loads(doc, parse_int=lambda text: f"number {text}", parse_float=lambda text: f"number {text}")
    return json.dumps(exact, sort_keys=True)


def in_memory() -> Subject:
    store = MemoryStore(REALMS, now=lambda: at(86_400))

    async def content(realm_id: RealmId, entity: str) -> Content:
        return {id_: (canonical(row.doc), row.deleted_at) for id_, row in store.rows(realm_id, entity).items()}

    async def proofs(realm_id: RealmId) -> dict[str, Proof]:
        return store.proofs(realm_id)

    async def is_parked(realm_id: RealmId) -> tuple[str, str, str] | None:
        parked = store.parked(realm_id)
        return None if parked is None else (parked.code, parked.message, parked.action)

    async def expire(realm_id: RealmId) -> None:
        store._realms[realm_id].lease_until = anyio.current_time()

    return Subject(store, store.seen_by(str(ELSEWHERE)), RunId(1), RunId(2), content, proofs, is_parked, expire)


async def in_postgres(database: Database) -> Subject:
    async with database.control() as connection:
        await connection.execute("INSERT INTO backfill.realm (realm_id) SELECT unnest($1::text[])", REALMS)
    runs = Runs(database, owner=Owner.current())
    first = (await runs.start("extract", {"number": 1}, REALMS)).run_id
    second = (await runs.start("extract", {"number": 2}, REALMS)).run_id

    async def content(realm_id: RealmId, entity: str) -> Content:
        async with database.control() as connection:
            rows = await connection.fetch(
                f"SELECT id, doc, deleted_at FROM {table_of(entity)} WHERE realm_id = $1", realm_id
            )
        return {row["id"]: (canonical(bytes(row["doc"])), row["deleted_at"]) for row in rows}

    async def proofs(realm_id: RealmId) -> dict[str, Proof]:
        async with database.control() as connection:
            rows = await connection.fetch(
                "SELECT entity, proven, method, counted, landed_live, quarantined, watermark, reason"
                " FROM backfill.proof WHERE realm_id = $1",
                realm_id,
            )
        return {row["entity"]: Proof(*row.values()) for row in rows}

    async def is_parked(realm_id: RealmId) -> tuple[str, str, str] | None:
        async with database.control() as connection:
            row = await connection.fetchrow(
                "SELECT parked_code, parked_message, parked_action FROM backfill.realm"
                " WHERE realm_id = $1 AND state = 'parked'",
                realm_id,
            )
        return None if row is None else tuple(row.values())

    async def expire(realm_id: RealmId) -> None:
        async with database.control() as connection:
            await connection.execute(
                "UPDATE backfill.realm SET lease_until = clock_timestamp() WHERE realm_id = $1", realm_id
            )

    theirs = PostgresStore(database, owner=ELSEWHERE)
    return Subject(PostgresStore(database), theirs, first, second, content, proofs, is_parked, expire)


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield in_memory()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with fresh(server) as database:
        yield await in_postgres(database)


@asynccontextmanager
async def fresh(server: PostgresServer) -> AsyncIterator[Database]:
    dsn = await server.create()
    async with open_database(dsn, sizes=SMALL_POOLS) as database:
        yield database
    await server.drop(dsn)


@pytest.fixture
async def lease(subject: Subject) -> Lease:
    return await subject.store.acquire(REALM)


class TestLeases:
    async def test_taking_raises_the_epoch(self, subject: Subject) -> None:
        first = await subject.store.acquire(REALM)
        await subject.store.release(first)
        second = await subject.theirs.acquire(REALM)
        assert (second.epoch, second.owner) == (first.epoch + 1, str(ELSEWHERE))

    async def test_a_realm_that_is_held_is_refused_with_its_owner(self, subject: Subject) -> None:
        await subject.theirs.acquire(REALM)
        for store in (subject.store, subject.theirs):
            with pytest.raises(RealmBusyError) as caught:
                await store.acquire(REALM)
            assert (caught.value.realm_id, caught.value.owner) == (REALM, str(ELSEWHERE))
        await subject.store.acquire(OTHER_REALM)

    async def test_one_that_ran_out_is_taken_over(self, subject: Subject, lease: Lease) -> None:
        await subject.expire(REALM)
        taken = await subject.theirs.acquire(REALM)
        assert taken.epoch == lease.epoch + 1
        with pytest.raises(LeaseLostError):
            await subject.store.renew(lease)
        await subject.store.release(lease)
        with pytest.raises(RealmBusyError):
            await subject.store.acquire(REALM)

    async def test_one_that_ran_out_untaken_is_renewed(self, subject: Subject, lease: Lease) -> None:
        await subject.expire(REALM)
        await subject.store.renew(lease)
        with pytest.raises(RealmBusyError):
            await subject.theirs.acquire(REALM)

    async def test_an_unknown_realm_is_the_users_mistake(self, subject: Subject) -> None:
        with pytest.raises(UsageError, match="nowhere"):
            await subject.store.acquire(RealmId("nowhere"))


class TestFence:
    """With a lease that is not valid any more nothing is written, and that is said."""

    @pytest.fixture(params=["taken over", "given back"])
    async def stale(self, request: pytest.FixtureRequest, subject: Subject, lease: Lease) -> Lease:
        await subject.begin(lease, Slice("Invoice", 0, None, None), Invoice=1)
        if request.param == "taken over":
            await subject.expire(REALM)
            await subject.theirs.acquire(REALM)
        else:
            await subject.store.release(lease)
        return lease

    async def test_landing(self, subject: Subject, stale: Lease) -> None:
        refusals = [Refusal("9", "c", "m", b"x")]
        for records in ([live("1", 1)], [live("1", 1, doc=b"{")], []):
            with pytest.raises(LeaseLostError, match=REALM):
                await subject.store.land(
                    stale,
                    subject.run_id,
                    "Invoice",
                    records,
                    refusals=refusals,
                    checkpoint=Checkpoint("Invoice", 0, NOW, 1, done=True),
                )
        assert await subject.content(REALM, "Invoice") == {}
        assert await subject.store.held(REALM, "Invoice") == Held(live=0, quarantined=0)
        (part,) = (await subject.store.scan(subject.run_id, REALM)).slices
        assert (part.cursor, part.done) == (None, False)

    async def test_beginning_and_finishing(self, subject: Subject, stale: Lease) -> None:
        with pytest.raises(LeaseLostError):
            await subject.begin(stale, Bill=2)
        with pytest.raises(LeaseLostError):
            await subject.store.finish_scan(stale, subject.run_id, [PROVEN])
        scan = await subject.store.scan(subject.run_id, REALM)
        assert (scan.census, scan.finished) == ({"Invoice": 1}, False)
        assert await subject.proofs(REALM) == {}


PROVEN = Proof("Invoice", proven=True, method="count", counted=2, landed_live=2, quarantined=0, watermark=NOW)
UNPROVEN = Proof("Bill", False, "count", 3, 2, 1, None, reason="one is missing")


class TestScans:
    SLICES = (Slice("Bill", 0, None, None), Slice("Invoice", 0, None, at(5)), Slice("Invoice", 1, at(5), None))

    async def test_one_not_begun_is_empty(self, subject: Subject) -> None:
        for run_id in (subject.run_id, RunId(999)):
            assert await subject.store.scan(run_id, REALM) == Scan(None, {}, [], finished=False)

    async def test_what_was_begun_is_read_back(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *reversed(self.SLICES), Invoice=7, Bill=0)
        expected = Scan(NOW, {"Invoice": 7, "Bill": 0}, list(self.SLICES), finished=False)
        assert await subject.store.scan(subject.run_id, REALM) == expected
        assert (await subject.store.scan(subject.other_run, REALM)).started_at is None
        assert (await subject.store.scan(subject.run_id, OTHER_REALM)).started_at is None

    async def test_begun_again_it_has_its_new_plan_only(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES, Invoice=7)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN])
        await subject.begin(lease, self.SLICES[0], Term=1)
        assert await subject.store.scan(subject.run_id, REALM) == Scan(NOW, {"Term": 1}, [self.SLICES[0]], False)

    async def test_a_checkpoint_moves_its_slice_and_no_other(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES)
        for cursor, rows, done in ((at(1), 3, False), (at(2), 7, False), (None, 9, True)):
            checkpoint = Checkpoint("Invoice", 0, cursor, rows, done)
            await subject.store.land(lease, subject.run_id, "Invoice", [live(str(rows), 1)], checkpoint=checkpoint)
            moved = structs.replace(self.SLICES[1], cursor=cursor, rows=rows, done=done)
            expected = [self.SLICES[0], moved, self.SLICES[2]]
            assert (await subject.store.scan(subject.run_id, REALM)).slices == expected
        assert (await subject.store.held(REALM, "Invoice")).live == 3

    async def test_a_checkpoint_of_no_slice_is_our_mistake(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES)
        with pytest.raises(AssertionError):
            await subject.store.land(
                lease, subject.run_id, "Invoice", [live("1", 1)], checkpoint=Checkpoint("Invoice", 9, None, 0, True)
            )

    async def test_a_finished_one_has_its_proofs(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN, UNPROVEN])
        assert (await subject.store.scan(subject.run_id, REALM)).finished
        assert not (await subject.store.scan(subject.other_run, REALM)).finished
        assert await subject.proofs(REALM) == {"Invoice": PROVEN, "Bill": UNPROVEN}

    async def test_a_newer_proof_takes_the_place_of_the_older(self, subject: Subject, lease: Lease) -> None:
        newer = structs.replace(PROVEN, counted=3, landed_live=3, watermark=at(9))
        for run_id, proofs in ((subject.run_id, [PROVEN, UNPROVEN]), (subject.other_run, [newer])):
            await subject.begin(lease, run_id=run_id)
            await subject.store.finish_scan(lease, run_id, proofs)
        assert await subject.proofs(REALM) == {"Invoice": newer, "Bill": UNPROVEN}
        assert await subject.proofs(OTHER_REALM) == {}

    async def test_parking_says_why_and_is_not_finishing(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease)
        await subject.store.park(REALM, subject.run_id, code="3100", message="closed", action="drop it")
        assert await subject.is_parked(REALM) == ("3100", "closed", "drop it")
        assert await subject.is_parked(OTHER_REALM) is None
        assert not (await subject.store.scan(subject.run_id, REALM)).finished


A, B = b'{"v":"a"}', b'{"v":"b"}'
LIVE, DELETED, UNCHANGED = Landed(1, 0, 0, 0), Landed(0, 0, 1, 0), Landed(0, 1, 0, 0)


class TestLanding:
    @pytest.mark.parametrize(
        ("held", "comes", "overwrite_equal", "expected"),
        [
            (live("1", 5), live("1", 6), False, LIVE),
            (live("1", 5), live("1", 4, sync_token=9), True, UNCHANGED),
            (live("1", 5), live("1", 5, sync_token=1), False, LIVE),
            (live("1", 5, sync_token=10), live("1", 5, sync_token=9), True, UNCHANGED),
            (live("1", 5, sync_token=None), live("1", 5, sync_token=0), False, LIVE),
            (live("1", 5, doc=A), live("1", 5, doc=B), False, UNCHANGED),
            (live("1", 5, doc=A), live("1", 5, doc=B), True, LIVE),
            (live("1", 5, doc=A), live("1", 5, doc=A), True, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, A), False, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, A), True, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, B), False, LIVE),
            (live("1", None, None, b'{"a":1,"b":2.0}'), live("1", None, None, b'{"b":2,"a":1}'), False, UNCHANGED),
            (live("1", None, None, b'{"a":1}'), live("1", None, None, b'{"a":true}'), False, LIVE),
            (live("1", None, None, A), live("1", 5), False, LIVE),
            (live("1", 5), live("1", None, None, B), False, LIVE),
            (live("1", 5), deleted("1", 6), False, DELETED),
            (live("1", 5), deleted("1", 5), False, DELETED),
            (live("1", 6), deleted("1", 5), True, UNCHANGED),
            (live("1", None), deleted("1", 5), False, DELETED),
            (deleted("1", 5), live("1", 6), False, LIVE),
            (deleted("1", 5), live("1", 5), True, UNCHANGED),
            (deleted("1", 5), live("1", None), False, UNCHANGED),
            (deleted("1", 5), deleted("1", 6), False, DELETED),
            (deleted("1", 6), deleted("1", 5), False, UNCHANGED),
        ],
    )
    async def test_never_back_in_time(
        self, subject: Subject, lease: Lease, held: Record, comes: Record, overwrite_equal: bool, expected: Landed
    ) -> None:
        await subject.land(lease, held)
        before = await subject.content(REALM, "Invoice")
        assert await subject.land(lease, comes, overwrite_equal=overwrite_equal) == expected
        after = await subject.content(REALM, "Invoice")
        if expected == UNCHANGED:
            assert after == before
        elif expected == LIVE:
            assert after == {"1": (canonical(comes.doc), None)}
        else:
            assert after == {"1": (before["1"][0], comes.updated_at)}, "the last known document is kept"

    async def test_an_undated_deletion_is_dated_by_the_store(self, subject: Subject, lease: Lease) -> None:
        assert await subject.land(lease, live("1", 5), deleted("2", None)) == Landed(1, 0, 1, 0)
        assert await subject.land(lease, deleted("1", None)) == DELETED
        assert all(mark is not None for _, mark in (await subject.content(REALM, "Invoice")).values())

    async def test_what_was_never_dated_revives_when_it_comes_again(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", None))
        await subject.land(lease, deleted("1", 5))
        assert await subject.land(lease, live("1", None)) == LIVE

    async def test_a_page_that_repeats_an_id(self, subject: Subject, lease: Lease) -> None:
        page = [live("1", 5), live("2", 1), live("1", 7), live("1", 6), deleted("2", 2), live("3", 1), live("3", 1)]
        landed = await subject.land(lease, *page)
        assert (landed.landed, landed.deleted, landed.unchanged) == (4, 1, 2)
        content = await subject.content(REALM, "Invoice")
        assert content["1"] == (canonical(live("1", 7).doc), None)
        assert content["2"][1] == at(2)

    async def test_realms_and_entities_do_not_meet(self, subject: Subject, lease: Lease) -> None:
        other = await subject.store.acquire(OTHER_REALM)
        await subject.land(lease, live("1", 9))
        assert await subject.land(other, live("1", 1)) == LIVE
        assert await subject.land(lease, live("1", 1), entity="CreditMemo") == LIVE
        assert (await subject.content(REALM, "Invoice"))["1"][0] == canonical(live("1", 9).doc)

    async def test_numbers_keep_their_scale(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", 1, doc=b'{"TotalAmt":1191.90,"Big":12345678901234567890123}'))
        (doc, _) = (await subject.content(REALM, "Invoice"))["1"]
        assert doc == '{"Big": "number 12345678901234567890123", "TotalAmt": "number 1191.90"}'

    async def test_no_entity_is_no_table(self, subject: Subject, lease: Lease) -> None:
        with pytest.raises(KeyError):
            await subject.land(lease, live("1", 1), entity="Nothing")

    async def test_links_that_expire_are_not_stored(self, subject: Subject, lease: Lease) -> None:
        doc = b'{"Id":"1","TempDownloadUri":"https://x.example/secret","FileName":"a.pdf","Size":1.50}'
        await subject.land(lease, live("1", 1, doc=doc), entity="Attachable")
        assert (await subject.content(REALM, "Attachable"))["1"][0] == canonical(
            b'{"Id":"1","FileName":"a.pdf","Size":1.50}'
        )
        # Two reads differ in their links only: the same version, and the same document.
        other = doc.replace(b"secret", b"other")
        assert await subject.land(lease, live("1", 1, doc=other), entity="Attachable", overwrite_equal=True) == (
            UNCHANGED
        )


class TestQuarantine:
    @pytest.mark.parametrize(
        "doc",
        [
            b'{"a":"\\u0000"}',
            b'{"a\\u0000":1}',
            b'{"a":"\\\\\\u0000"}',
            b'{"a":"\\ud800"}',
            b'{"a":',
            b"",
            b'{"a":"\xff"}',
            b'{"a":NaN}',
            b'{"a":1e200000}',
        ],
    )
    async def test_what_postgres_cannot_hold_is_set_aside_and_its_page_lands(
        self, subject: Subject, lease: Lease, doc: bytes
    ) -> None:
        page = [live(str(number), 1, doc=doc if number == 4 else None) for number in range(9)]
        assert await subject.land(lease, *page) == Landed(8, 0, 0, 1)
        assert set(await subject.content(REALM, "Invoice")) == set("01235678")
        assert await subject.store.held(REALM, "Invoice") == Held(live=8, quarantined=1)

    @pytest.mark.parametrize("doc", [b'{"a":"\\\\u0000"}', b'{"a":"\\ud83d\\ude00"}', b'{"a":"\xc3\xa9","b":1e300}'])
    async def test_what_only_looks_like_it_lands(self, subject: Subject, lease: Lease, doc: bytes) -> None:
        assert await subject.land(lease, live("1", 1, doc=doc)) == LIVE

    @pytest.mark.parametrize(
        "record", [live("a\0b", 1), live("a\ud800b", 1), live("1", 1, sync_token=2**70)], ids=["zero", "half", "token"]
    )
    async def test_key_columns_that_cannot_be_held(self, subject: Subject, lease: Lease, record: Record) -> None:
        assert await subject.land(lease, live("x", 1), record) == Landed(1, 0, 0, 1)
        assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=1)

    async def test_a_refused_newer_version_is_held_in_quarantine_only(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", 1), live("2", 1))
        await subject.land(lease, live("1", 2, doc=b"{"))
        assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=1)
        assert sorted(await subject.store.live_ids(REALM, "Invoice")) == ["1", "2"]

    @pytest.mark.parametrize("comes", [live("1", 2), live("1", 1), deleted("1", 2)])
    async def test_a_row_that_comes_whole_leaves_it(self, subject: Subject, lease: Lease, comes: Record) -> None:
        await subject.land(lease, live("1", 1))
        await subject.land(lease, live("1", 2, doc=b"{"), live("2", 1, doc=b"{"))
        await subject.land(lease, live("1", 1, doc=b"{"), entity="Bill")
        await subject.land(lease, comes)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 1
        assert (await subject.store.held(REALM, "Bill")).quarantined == 1

    async def test_refusals_of_the_reader_count_once_each(self, subject: Subject, lease: Lease) -> None:
        refusals = [
            Refusal("5", "c", "no", b"five"),
            Refusal("5", "c", "again", b"five, newer"),
            Refusal("", "c", "no Id", b"nameless"),
            Refusal("", "c", "no Id", b"another"),
            Refusal("x" * 201, "c", "too long", b"long"),
        ]
        for unchanged in (0, 1):  # the same page read again adds nothing
            landed = await subject.land(lease, live("1", 1), refusals=refusals)
            assert landed == Landed(1 - unchanged, unchanged, 0, 5)
            assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=4)
        assert await subject.store.held(OTHER_REALM, "Invoice") == Held(live=0, quarantined=0)

    async def test_the_nameless_of_an_earlier_run_are_forgotten_by_the_next(
        self, subject: Subject, lease: Lease
    ) -> None:
        refusals = [Refusal("", "c", "m", b"x"), Refusal("5", "c", "m", b"five")]
        await subject.land(lease, refusals=refusals)
        await subject.land(lease, refusals=refusals, entity="Bill")
        await subject.begin(lease, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 2, "a resumed run keeps its own"
        await subject.begin(lease, run_id=subject.other_run, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 1, "what has a name stays until it comes"
        assert (await subject.store.held(REALM, "Bill")).quarantined == 2, "another entity is not meant"


class TestHeld:
    @pytest.fixture(autouse=True)
    async def _landed(self, subject: Subject, lease: Lease) -> None:
        created = [Record(str(second), 0, at(second), at(second + 10), b"{}") for second in range(5)]
        await subject.land(lease, *created, live("undated", None), deleted("gone", 3), deleted("4", 99))

    async def test_marked_rows_do_not_count(self, subject: Subject) -> None:
        assert await subject.store.held(REALM, "Invoice") == Held(live=5, quarantined=0)
        assert await subject.store.held(OTHER_REALM, "Invoice") == Held(live=0, quarantined=0)
        assert await subject.store.held(REALM, "Bill") == Held(live=0, quarantined=0)

    @pytest.mark.parametrize(
        ("bounds", "count"),
        [
            ({"created_to": at(1)}, 3),
            ({"updated_from": at(12)}, 3),
            ({"created_to": at(2), "updated_from": at(12)}, 2),
            ({"created_to": at(-1)}, 1),
        ],
    )
    async def test_bounds_are_inclusive_and_rows_without_the_time_are_inside(
        self, subject: Subject, bounds: Mapping[str, datetime], count: int
    ) -> None:
        assert (await subject.store.held(REALM, "Invoice", **bounds)).live == count

    @pytest.mark.parametrize(
        ("bounds", "ids"),
        [
            ({}, ["0", "1", "2", "3", "undated"]),
            ({"created_from": at(1), "created_to": at(2)}, ["1", "2"]),
            ({"created_from": at(2)}, ["2", "3"]),
            ({"created_to": at(0)}, ["0"]),
        ],
    )
    async def test_ids_of_live_rows(self, subject: Subject, bounds: Mapping[str, datetime], ids: list[str]) -> None:
        assert sorted(await subject.store.live_ids(REALM, "Invoice", **bounds)) == ids
        assert await subject.store.live_ids(OTHER_REALM, "Invoice") == []


# Whatever comes in whatever order, both hold the same.

times = st.none() | st.integers(0, 4)
docs = st.sampled_from([A, B, b'{"v": "a"}', b'{"n":1.0}', b'{"n":1.00}', b'{"n":true}', b'{"n":"\\u0000"}', b"{"])
lives = st.builds(
    live,
    st.sampled_from(["1", "2", "3"]),
    times,
    st.none() | st.integers(0, 2),
    docs,
)
deletions = st.builds(deleted, st.sampled_from(["1", "2", "3"]), st.integers(0, 4))
refused = st.builds(Refusal, st.sampled_from(["", "1", "2"]), st.just("c"), st.just("m"), st.sampled_from([b"x", b"y"]))
landings = st.lists(
    st.tuples(st.lists(lives | deletions, max_size=5), st.lists(refused, max_size=2), st.booleans()), max_size=6
)


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as opened:
        yield opened


@dataclass(frozen=True)
class Pair:
    """A database for all examples, each of which empties it, and what it is compared with."""

    database: Database
    postgres: Subject
    lease: Lease


@pytest.fixture(scope="module")
def pair(portal: BlockingPortal, postgres_server: PostgresServer) -> Iterator[Pair]:
    with portal.wrap_async_context_manager(fresh(postgres_server)) as database:
        postgres = portal.call(in_postgres, database)
        yield Pair(database, postgres, portal.call(postgres.store.acquire, REALM))


async def outcome(
    subject: Subject, lease: Lease, history: Sequence[tuple[list[Record], list[Refusal], bool]]
) -> object:
    told = [
        await subject.land(lease, *records, refusals=refusals, overwrite_equal=overwrite)
        for records, refusals, overwrite in history
    ]
    held = [await subject.store.held(REALM, "Invoice", updated_from=bound) for bound in (None, at(2))]
    ids = sorted(await subject.store.live_ids(REALM, "Invoice", created_from=NOW))
    return told, held, ids, await subject.content(REALM, "Invoice")


async def outcomes(pair: Pair, history: Sequence[tuple[list[Record], list[Refusal], bool]]) -> tuple[object, object]:
    async with pair.database.control() as connection:
        await connection.execute("TRUNCATE qbo.invoice, backfill.quarantine")
    memory = in_memory()
    lease = await memory.store.acquire(REALM)
    return await outcome(pair.postgres, pair.lease, history), await outcome(memory, lease, history)


@settings(max_examples=250, deadline=None)
@given(history=landings)
def test_any_sequence_of_landings_leaves_the_same_in_both(
    portal: BlockingPortal, pair: Pair, history: Sequence[tuple[list[Record], list[Refusal], bool]]
) -> None:
    in_the_database, in_the_twin = portal.call(outcomes, pair, history)
    assert in_the_database == in_the_twin
