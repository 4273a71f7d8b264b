"""A row that the database refuses is set aside with its reason; its page lands."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from backfill.errors import UnavailableError
from backfill.model import Held, Landed, Record, Refusal
from backfill.store.database import Database
from tests.store.scene import REALM, Work, at, deleted, live, rows_of

REFUSED_DOCS = {
    "zero character": (b'{"a":"\\u0000"}', "22P05"),
    "lone surrogate": (b'{"a":"\\ud800"}', "22P02"),
    "not JSON": (b'{"a":', "22P02"),
    "not UTF-8": (b'{"a":"\xff"}', "22021"),
    "number beyond numeric": (b'{"a":1e200000}', "22003"),
    "nested beyond the stack": (b"[" * 50_000 + b"]" * 50_000, "54001"),
}


@pytest.mark.parametrize(("doc", "code"), REFUSED_DOCS.values(), ids=REFUSED_DOCS)
async def test_the_refused_row_is_set_aside_and_its_page_lands(
    work: Work, database: Database, doc: bytes, code: str
) -> None:
    page = [live(str(number), 1) for number in range(9)]
    page[4] = live("4", 1, doc=doc)
    landed = await work.store.land(work.lease, work.run_id, "Invoice", page)
    assert landed == Landed(landed=8, unchanged=0, deleted=0, quarantined=1)
    assert set(await rows_of(database)) == set("012356789") - {"9"}
    refused = (await rows_of(database, "backfill.quarantine"))["4"]
    assert (refused["code"], refused["entity"], refused["run_id"], refused["raw"]) == (
        code,
        "Invoice",
        work.run_id,
        doc,
    )
    assert refused["message"]


@pytest.mark.parametrize(
    "record",
    [
        live("a\0b", 1),
        live("a\ud800b", 1),
        live("1", 1, sync_token=2**70),
        live(random.Random(1).randbytes(10_000).hex(), 1),  # no index holds a key of that size
    ],
    ids=["zero in id", "surrogate in id", "sync token beyond bigint", "id beyond an index entry"],
)
async def test_key_columns_that_cannot_be_stored_set_the_row_aside(
    work: Work, database: Database, record: Record
) -> None:
    landed = await work.store.land(work.lease, work.run_id, "Invoice", [live("x", 1), record])
    assert landed == Landed(landed=1, unchanged=0, deleted=0, quarantined=1)
    assert len(await rows_of(database, "backfill.quarantine")) == 1


async def test_every_row_of_a_page_may_be_refused(work: Work, database: Database) -> None:
    page = [live(str(number), 1, doc=b'{"a":"\\u0000"}') for number in range(20)]
    assert (await work.store.land(work.lease, work.run_id, "Invoice", page)).quarantined == 20
    assert len(await rows_of(database, "backfill.quarantine")) == 20


async def test_a_refused_deletion_is_set_aside_too(work: Work) -> None:
    stub = Record("9", None, None, at(1), b'{"a":"\\u0000"}', deleted=True)
    assert (await work.store.land(work.lease, work.run_id, "Invoice", [stub])).quarantined == 1


async def test_a_row_that_lands_leaves_quarantine(work: Work, database: Database) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1, doc=b"{"), live("2", 1, doc=b"{")])
    await work.store.land(work.lease, work.run_id, "Bill", [live("1", 1, doc=b"{")])
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 2)])
    held = [(row["entity"], row["id"]) for row in await all_refused(database)]
    assert sorted(held) == [("Bill", "1"), ("Invoice", "2")]


async def test_an_object_that_was_deleted_leaves_quarantine(work: Work, database: Database) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1, doc=b"{")])
    await work.store.land(work.lease, work.run_id, "Invoice", [deleted("1", 2)])
    assert await all_refused(database) == []


async def test_refusals_of_the_reader_are_kept(work: Work, database: Database) -> None:
    refusals = [
        Refusal("5", "unreadable", "no Id", b"five"),
        Refusal("5", "unreadable", "again", b"five, newer"),
        Refusal("", "unreadable", "x" * 10_000, b"nameless"),
        Refusal("", "unreadable", "no Id", b"another"),
    ]
    for _ in range(2):  # the same page read again adds nothing
        landed = await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1)], refusals=refusals)
    assert landed == Landed(landed=0, unchanged=1, deleted=0, quarantined=4)
    rows = await all_refused(database)
    assert sorted(bytes(row["raw"]) for row in rows) == [b"another", b"five, newer", b"nameless"]
    assert max(len(row["message"]) for row in rows) == 500


async def test_nameless_rows_of_an_earlier_run_do_not_count_for_ever(work: Work) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [], refusals=[Refusal("", "c", "m", b"x")])
    await work.store.begin_scan(
        work.lease, work.run_id, started_at=datetime(2026, 1, 1, tzinfo=UTC), census={"Invoice": 1}, slices=[]
    )
    assert (await work.store.held(REALM, "Invoice")).quarantined == 1, "a resumed run keeps its own"


async def test_an_object_whose_newest_version_was_refused_is_not_live(work: Work) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1), live("2", 1)])
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 2, doc=b"{")])
    assert await work.store.held(REALM, "Invoice") == Held(live=1, quarantined=1)


FULL_DISK = """
CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON qbo.invoice
FOR EACH ROW WHEN (NEW.id = '2') EXECUTE FUNCTION public.full_disk()
"""


async def test_a_trouble_of_the_server_is_no_fault_of_the_row(work: Work, database: Database) -> None:
    """While a page is halved, too: else a full disk would fill quarantine with good rows."""
    async with database.control() as connection:
        await connection.execute(FULL_DISK)
    with pytest.raises(UnavailableError, match="no space left"):
        await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1, doc=b"{"), live("2", 1), live("3", 1)])
    assert await all_refused(database) == []
    assert await rows_of(database) == {}


class TestExpiringLinks:
    """Links that expire and grant access are not stored."""

    LINKED = (
        b'{"Id":"1","TempDownloadUri":"https://intuit.example/secret?a=\\"1\\"","FileName":"a.pdf",'
        b'"ThumbnailTempDownloadUri" : "https://intuit.example/secret2"}'
    )

    async def test_they_are_left_out_of_the_document(self, work: Work, database: Database) -> None:
        await work.store.land(work.lease, work.run_id, "Attachable", [live("1", 1, doc=self.LINKED)])
        doc = (await rows_of(database, "qbo.attachable"))["1"]["doc"]
        assert bytes(doc) == b'{"Id": "1", "FileName": "a.pdf"}'

    async def test_they_are_left_out_of_quarantine(self, work: Work, database: Database) -> None:
        torn = self.LINKED[:-1]
        await work.store.land(work.lease, work.run_id, "Attachable", [live("1", 1, doc=torn)])
        raw = bytes((await rows_of(database, "backfill.quarantine"))["1"]["raw"])
        assert b"secret" not in raw
        assert b'"FileName":"a.pdf"' in raw

    async def test_other_entities_keep_what_they_have(self, work: Work, database: Database) -> None:
        await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1, doc=self.LINKED)])
        assert b"secret2" in bytes((await rows_of(database))["1"]["doc"])


async def all_refused(database: Database) -> list[object]:
    async with database.control() as connection:
        return list(await connection.fetch("SELECT * FROM backfill.quarantine"))
