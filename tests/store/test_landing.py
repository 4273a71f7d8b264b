"""Landing never goes back in time, loses nothing, and commits a page with its checkpoint or not at all."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from backfill.errors import LeaseLostError
from backfill.model import Checkpoint, Landed, Lease, Record, Refusal, Slice
from backfill.store.database import Database
from backfill.store.landing_statements import land_statement
from tests.store.scene import EVER, NOW, OTHER_REALM, REALM, Work, at, deleted, live, rows_of

UNCHANGED = Landed(landed=0, unchanged=1, deleted=0, quarantined=0)
LIVE = Landed(landed=1, unchanged=0, deleted=0, quarantined=0)
DELETED = Landed(landed=0, unchanged=0, deleted=1, quarantined=0)

A = b'{"v":"a"}'
B = b'{"v":"b"}'


async def land(work: Work, *records: Record, entity: str = "Invoice", overwrite_equal: bool = False) -> Landed:
    return await work.store.land(
        work.lease, work.run_id, entity, records, overwrite_equal_from=EVER if overwrite_equal else None
    )


@pytest.mark.parametrize(
    ("held", "comes", "overwrite_equal", "expected"),
    [
        # live over live: LastUpdatedTime, then SyncToken
        (live("1", 5), live("1", 6), False, LIVE),
        (live("1", 5), live("1", 4, sync_token=9), False, UNCHANGED),
        (live("1", 5), live("1", 5, sync_token=1), False, LIVE),
        (live("1", 5, sync_token=2), live("1", 5, sync_token=1), True, UNCHANGED),
        (live("1", 5), live("1", 5), False, UNCHANGED),
        (live("1", 5), live("1", 5, doc=B), False, UNCHANGED),
        (live("1", 5), live("1", 5), True, UNCHANGED),
        (live("1", 5), live("1", 5, doc=B), True, LIVE),
        (live("1", 5, sync_token=None), live("1", 5, sync_token=0), False, LIVE),
        (live("1", 5, sync_token=None), live("1", 5, sync_token=None), False, UNCHANGED),
        # entities without times: what differs, overwrites
        (live("1", None, None, A), live("1", None, None, A), False, UNCHANGED),
        (live("1", None, None, A), live("1", None, None, B), False, LIVE),
        (live("1", None, None, A), live("1", None, None, A), True, UNCHANGED),
        (live("1", None, None, A), live("1", 5), False, LIVE),
        # a deletion over a live row
        (live("1", 5), deleted("1", 6), False, DELETED),
        (live("1", 5), deleted("1", 5), False, DELETED),
        (live("1", 6), deleted("1", 5), False, UNCHANGED),
        (live("1", 6), deleted("1", 5), True, UNCHANGED),
        (live("1", None), deleted("1", 5), False, DELETED),
        (live("1", 5), deleted("1", None), False, DELETED),
        # a live row over a deletion
        (deleted("1", 5), live("1", 6), False, LIVE),
        (deleted("1", 5), live("1", 5), False, UNCHANGED),
        (deleted("1", 5), live("1", 5), True, UNCHANGED),
        (deleted("1", 5), live("1", 4), False, UNCHANGED),
        (deleted("1", 5), live("1", None), False, UNCHANGED),
        # a deletion over a deletion
        (deleted("1", 5), deleted("1", 6), False, DELETED),
        (deleted("1", 5), deleted("1", 5), False, UNCHANGED),
        (deleted("1", 6), deleted("1", 5), False, UNCHANGED),
    ],
    ids=lambda value: told(value) if isinstance(value, Record) else "",
)
async def test_never_back_in_time(
    work: Work, database: Database, held: Record, comes: Record, overwrite_equal: bool, expected: Landed
) -> None:
    await land(work, held)
    before = (await rows_of(database))["1"]
    assert await land(work, comes, overwrite_equal=overwrite_equal) == expected
    after = (await rows_of(database))["1"]
    if expected == UNCHANGED:
        assert after == before
    elif expected == LIVE:
        assert (after["updated_at"], after["sync_token"], after["deleted_at"]) == (
            comes.updated_at,
            comes.sync_token,
            None,
        )
        assert same(after["doc"], comes.doc)
    else:
        assert after["deleted_at"] == comes.updated_at or comes.updated_at is None
        assert same(after["doc"], before["doc"]), "the last known document is kept"
        assert (after["updated_at"], after["sync_token"]) == (before["updated_at"], before["sync_token"])


async def test_what_was_never_dated_revives_when_it_comes_again(work: Work, database: Database) -> None:
    await land(work, live("1", None))
    await land(work, deleted("1", 5))
    assert (await land(work, live("1", None))) == LIVE
    assert (await rows_of(database))["1"]["deleted_at"] is None


async def test_a_deletion_is_stored_for_a_row_never_seen(work: Work, database: Database) -> None:
    assert await land(work, deleted("7", 5)) == DELETED
    row = (await rows_of(database))["7"]
    assert row["deleted_at"] == at(5)
    assert same(row["doc"], b'{"Id":"7","status":"Deleted"}')


async def test_a_page_that_repeats_an_id_lands_its_newest_version(work: Work, database: Database) -> None:
    page = [live("1", 5), live("2", 1), live("1", 7), live("1", 6), deleted("2", 2)]
    await land(work, *page)
    rows = await rows_of(database)
    assert rows["1"]["updated_at"] == at(7)
    assert rows["2"]["deleted_at"] == at(2)
    assert same(rows["2"]["doc"], live("2", 1).doc)


async def test_numbers_keep_their_scale_and_size(work: Work, database: Database) -> None:
    await land(work, live("1", 1, doc=b'{"TotalAmt":1191.90,"Big":12345678901234567890123}'))
    async with database.control() as connection:
        text = await connection.fetchval("SELECT doc::text FROM qbo.invoice")
    assert text == '{"Big": 12345678901234567890123, "TotalAmt": 1191.90}'


async def test_realms_and_entities_do_not_meet(work: Work, database: Database) -> None:
    other = Work(work.store, await work.store.acquire(OTHER_REALM), work.run_id)
    await land(work, live("1", 9))
    assert await land(other, live("1", 1)) == LIVE
    assert await land(work, live("1", 1), entity="CreditMemo") == LIVE
    async with database.control() as connection:
        found = await connection.fetch("SELECT realm_id, updated_at FROM qbo.invoice ORDER BY realm_id")
    assert [tuple(row) for row in found] == [(REALM, at(9)), (OTHER_REALM, at(1))]


async def test_a_name_that_is_no_entity_never_becomes_sql(work: Work) -> None:
    with pytest.raises(KeyError):
        await land(work, live("1", 1), entity="invoice; DROP TABLE qbo.bill")


class TestFence:
    async def test_a_stale_epoch_lands_nothing(self, work: Work, database: Database) -> None:
        stale = Lease(realm_id=REALM, epoch=work.lease.epoch - 1, owner=work.lease.owner)
        await begin(work)
        with pytest.raises(LeaseLostError, match=REALM):
            await work.store.land(
                stale,
                work.run_id,
                "Invoice",
                [live("1", 1)],
                refusals=[Refusal("2", "x", "y", b"z")],
                checkpoint=Checkpoint("Invoice", 0, at(1), 1, done=True),
            )
        with pytest.raises(LeaseLostError):
            await work.store.land(stale, work.run_id, "Invoice", [live("1", 1)])
        assert await rows_of(database) == {}
        assert await rows_of(database, "backfill.quarantine") == {}
        assert not (await work.store.scan(work.run_id, REALM)).slices[0].done

    async def test_a_stale_epoch_moves_no_checkpoint(self, work: Work) -> None:
        """In one statement, that is: no transaction is there to be rolled back."""
        await begin(work)
        stale = Lease(realm_id=REALM, epoch=work.lease.epoch - 1, owner=work.lease.owner)
        checkpoint = Checkpoint("Invoice", 0, at(1), 1, done=True)
        with pytest.raises(LeaseLostError):
            await work.store.land(stale, work.run_id, "Invoice", [live("1", 1)], checkpoint=checkpoint)
        assert not (await work.store.scan(work.run_id, REALM)).slices[0].done

    async def test_a_released_lease_lands_nothing(self, work: Work, database: Database) -> None:
        await work.store.release(work.lease)
        with pytest.raises(LeaseLostError):
            await land(work, live("1", 1))
        assert await rows_of(database) == {}

    async def test_a_stale_lease_clears_no_quarantine(self, work: Work, database: Database) -> None:
        await work.store.land(work.lease, work.run_id, "Invoice", [], refusals=[Refusal("1", "x", "y", b"z")])
        await work.store.release(work.lease)
        with pytest.raises(LeaseLostError):
            await land(work, live("1", 1))
        assert set(await rows_of(database, "backfill.quarantine")) == {"1"}

    async def test_a_page_under_way_holds_off_a_hand_over_but_not_a_renewal(
        self, work: Work, database: Database
    ) -> None:
        async with database.landing() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.fetchrow(
                land_statement("Invoice"),
                *(REALM, work.lease.epoch, work.lease.owner, work.run_id, "Invoice"),
                *(["1"], [0], [NOW], [NOW], [False], [b"{}"], None, None, None, None, None, None),
            )
            with anyio.fail_after(60):  # only matters where it fails
                await work.store.renew(work.lease)
            with anyio.move_on_after(0.3) as waited:
                async with database.control() as other:
                    await other.execute("UPDATE backfill.realm SET epoch = epoch + 1 WHERE realm_id = $1", REALM)
            assert waited.cancelled_caught, "the hand-over did not wait for the page"
            await transaction.commit()
        assert set(await rows_of(database)) == {"1"}


class TestCheckpoint:
    async def test_it_commits_with_its_page(self, work: Work) -> None:
        await begin(work)
        checkpoint = Checkpoint("Invoice", 1, at(3), 40, done=False)
        await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1)], checkpoint=checkpoint)
        first, second = (await work.store.scan(work.run_id, REALM)).slices
        assert first == Slice("Invoice", 0, None, at(10))
        assert second == Slice("Invoice", 1, at(10), None, cursor=at(3), rows=40, done=False)

    async def test_an_empty_page_may_carry_one(self, work: Work) -> None:
        await begin(work)
        checkpoint = Checkpoint("Invoice", 0, None, 0, done=True)
        landed = await work.store.land(work.lease, work.run_id, "Invoice", [], checkpoint=checkpoint)
        assert landed == Landed(0, 0, 0, 0)
        assert (await work.store.scan(work.run_id, REALM)).slices[0].done

    async def test_it_commits_with_a_page_that_has_refused_rows(self, work: Work) -> None:
        await begin(work)
        checkpoint = Checkpoint("Invoice", 0, at(3), 2, done=True)
        page = [live("1", 1, doc=b'{"a":"\\u0000"}'), live("2", 1)]
        await work.store.land(work.lease, work.run_id, "Invoice", page, checkpoint=checkpoint)
        assert (await work.store.scan(work.run_id, REALM)).slices[0].done

    async def test_one_without_a_slice_is_our_bug_and_is_seen(self, work: Work) -> None:
        with pytest.raises(AssertionError, match="no slice"):
            await work.store.land(
                work.lease, work.run_id, "Invoice", [], checkpoint=Checkpoint("Invoice", 0, None, 0, done=True)
            )


async def begin(work: Work) -> None:
    await work.store.begin_scan(
        work.lease,
        work.run_id,
        started_at=NOW,
        census={"Invoice": 40},
        slices=[Slice("Invoice", 0, None, at(10)), Slice("Invoice", 1, at(10), None)],
    )


def told(record: Record) -> str:
    when = None if record.updated_at is None else int((record.updated_at - NOW).total_seconds())
    return f"{'deleted' if record.deleted else 'live'} {when}/{record.sync_token}"


def same(one: bytes, other: bytes) -> bool:
    return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
