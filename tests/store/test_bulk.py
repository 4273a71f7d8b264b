"""New rows go in by COPY: the same rows, and the ordinary way wherever that cannot be."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from backfill.entities import ENTITIES
from backfill.errors import LeaseLostError
from backfill.model import Checkpoint, Expected, Landed, Record, Refusal, Slice
from backfill.rows import Rows
from backfill.store import bulk, landing
from backfill.store.bulk import COLUMNS, encoded
from backfill.store.database import Database
from tests.store.scene import EVER, NOW, REALM, Work, at, deleted, live

ROWS = "SELECT id, sync_token, created_at, updated_at, deleted_at, doc::text, run_id FROM qbo.invoice ORDER BY id"
AGED = [live(str(number), number, doc=b'{"Amount":12.50,"Memo":"\xc3\xa4\xe2\x82\xac"}') for number in range(50)]


async def rows(database: Database) -> Sequence[object]:
    async with database.control() as connection:
        return [tuple(row) for row in await connection.fetch(ROWS)]


async def land(
    work: Work, records: Sequence[Record], *, expected: Expected, entity: str = "Invoice", **more: object
) -> Landed:
    return await work.store.land(work.lease, work.run_id, entity, records, expected=expected, **more)  # type: ignore[arg-type]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each COPY that was tried had."""
    tried: list[int] = []

    def spy(realm_id: str, run_id: int, rows: Rows) -> AsyncGenerator[bytes]:
        tried.append(len(rows))
        return encoded(realm_id, run_id, rows)

    monkeypatch.setattr(landing, "encoded", spy)
    return tried


async def test_copied_rows_are_those_that_the_upsert_lands(work: Work, database: Database, copied: list[int]) -> None:
    odd = [Record("none", None, None, None, b"{}"), Record("old", 3, at(0).replace(year=1999), at(1), b'{"a":1.0}')]
    told = await land(work, [*AGED, *odd], expected=Expected.NEW)
    by_copy = await rows(database)
    assert (told, copied) == (Landed(landed=52, unchanged=0, deleted=0, quarantined=0), [52])
    async with database.control() as connection:
        await connection.execute("TRUNCATE qbo.invoice")
    assert await land(work, [*AGED, *odd], expected=Expected.ANYTHING) == told
    assert await rows(database) == by_copy
    assert copied == [52], "the second landing was the ordinary one"


IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
MOMENTS = st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds it
RECORDS = st.lists(
    st.builds(
        Record,
        id=IDS,
        sync_token=st.none() | st.integers(0, 2**63 - 1),
        created_at=MOMENTS,
        updated_at=MOMENTS,
        doc=st.binary(max_size=9),
    ),
    max_size=30,
)


@given(
    realm_id=st.text("0123456789", min_size=1, max_size=19),
    run_id=st.integers(0, 2**63 - 1),
    records=RECORDS,
    message_bytes=st.sampled_from([1, 200, 1000, bulk.MESSAGE_BYTES]),
)
async def test_the_stream_says_each_row_as_the_documentation_of_copy_has_it(
    realm_id: str, run_id: int, records: list[Record], message_bytes: int
) -> None:
    with patch.object(bulk, "MESSAGE_BYTES", message_bytes):
        header, *pieces, end = [piece async for piece in encoded(realm_id, run_id, Rows.of(records))]
    assert header == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    expected = b"".join(as_documented(realm_id, run_id, record) for record in records)
    assert b"".join(pieces) + end == expected + b"\xff\xff"


@pytest.mark.parametrize("doc_bytes", [2, 2_000, 50_000, 200_000])
async def test_no_message_is_larger_than_what_a_server_takes_in_gladly(doc_bytes: int) -> None:
    """But for one row that is larger by itself."""
    records = [live(str(number), 1, doc=b"x" * doc_bytes) for number in range(100, 400)]
    _header, *pieces, _end = [piece async for piece in encoded(REALM, 1, Rows.of(records))]
    row_bytes = len(b"".join(pieces)) / len(records)
    assert max(map(len, pieces)) <= max(bulk.MESSAGE_BYTES, row_bytes + 100)
    assert len(pieces) <= 2 + len(records) * row_bytes / (bulk.MESSAGE_BYTES - min(row_bytes, bulk.MESSAGE_BYTES / 2))


def as_documented(realm_id: str, run_id: int, record: Record) -> bytes:
    """One tuple: how many fields, and each with its length before it; -1 is a null."""
    times = [
        moment and (moment - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for moment in (record.created_at, record.updated_at)
    ]
    fields = [
        realm_id.encode(),
        record.id.encode(),
        number(record.sync_token),
        *map(number, times),
        None,
        b"\1" + record.doc,
        number(run_id),
    ]
    said = (struct.pack("!i", -1) if field is None else struct.pack("!i", len(field)) + field for field in fields)
    return struct.pack("!h", len(COLUMNS)) + b"".join(said)


def number(value: int | None) -> bytes | None:
    return None if value is None else struct.pack("!q", value)


async def test_each_row_says_when_it_came(work: Work, database: Database) -> None:
    """And so COPY inserts row by row: with one time for all of a page it would put aside a thousand rows first."""
    await land(work, AGED, expected=Expected.NEW)
    async with database.control() as connection:
        assert await connection.fetchval("SELECT count(DISTINCT landed_at) FROM qbo.invoice") > 1
        tables, volatile = await connection.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE column_default = 'clock_timestamp()')"
            " FROM information_schema.columns WHERE table_schema = 'qbo' AND column_name = 'landed_at'"
        )
    assert volatile == tables == len(ENTITIES)


async def test_a_row_that_is_there_after_all_sends_the_page_the_ordinary_way(work: Work, database: Database) -> None:
    await land(work, [live("3", 9)], expected=Expected.ANYTHING)
    told = await land(work, AGED, expected=Expected.NEW)
    assert told == Landed(landed=49, unchanged=1, deleted=0, quarantined=0)
    assert len(await rows(database)) == 50


async def test_a_row_that_is_refused_sends_the_page_the_ordinary_way(work: Work, database: Database) -> None:
    told = await land(work, [*AGED, live("nul", 1, doc=b'{"Memo":"\\u0000"}')], expected=Expected.NEW)
    assert told == Landed(landed=50, unchanged=0, deleted=0, quarantined=1)


async def test_the_checkpoint_is_committed_with_the_rows_or_not_at_all(work: Work) -> None:
    slices = [Slice("Invoice", 0, None, None)]
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=slices)
    checkpoint = Checkpoint("Invoice", 0, at(7), 50, done=True)
    await land(work, AGED, expected=Expected.NEW, checkpoint=checkpoint)
    (part,) = (await work.store.scan(work.run_id, REALM)).slices
    assert (part.cursor, part.rows, part.done) == (at(7), 50, True)


async def test_rows_held_as_columns_are_copied_unless_an_id_comes_twice(
    work: Work, database: Database, copied: list[int]
) -> None:
    await land(work, Rows.of(AGED), expected=Expected.NEW)
    assert copied == [50]
    told = await land(work, Rows.of([live("new", 1), live("new", 2)]), expected=Expected.NEW)
    assert told == Landed(landed=2, unchanged=0, deleted=0, quarantined=0)
    assert copied == [50]
    assert len(await rows(database)) == 51


@pytest.mark.parametrize("id_", ["1\0", "\0", "\0 1"])
async def test_an_id_that_postgres_cannot_hold_is_set_aside(work: Work, database: Database, id_: str) -> None:
    """And is not copied under what is left of it without a zero byte at its end."""
    told = await land(work, [*AGED, live(id_, 1)], expected=Expected.NEW)
    assert told == Landed(landed=50, unchanged=0, deleted=0, quarantined=1)
    assert len(await rows(database)) == 50


async def test_a_stale_epoch_copies_nothing(work: Work, database: Database) -> None:
    stale = dataclasses.replace(work, lease=structs.replace(work.lease, epoch=work.lease.epoch - 1))
    with pytest.raises(LeaseLostError):
        await land(stale, AGED, expected=Expected.NEW)
    assert await rows(database) == []


@pytest.mark.parametrize(
    ("entity", "records", "refusals"),
    [
        ("Attachable", [live("1", 1, doc=b'{"TempDownloadUri":"https://x"}')], []),
        ("Invoice", [deleted("1", 1)], []),
        ("Invoice", [live("1", 1), live("1", 2)], []),
        ("Invoice", [live("1", 1)], [Refusal("2", "c", "m", b"x")]),
        ("Invoice", [], []),
    ],
)
async def test_what_is_more_than_new_rows_is_not_copied(
    work: Work, copied: list[int], entity: str, records: Sequence[Record], refusals: Sequence[Refusal]
) -> None:
    await land(work, records, expected=Expected.NEW, entity=entity, refusals=refusals)
    assert copied == []


async def test_what_is_known_is_not_sent_again_and_what_is_newer_is(work: Work, database: Database) -> None:
    await land(work, AGED, expected=Expected.ANYTHING)
    await land(work, [deleted("7", 100)], expected=Expected.ANYTHING)
    before = await rows(database)
    assert await land(work, AGED, expected=Expected.KNOWN) == Landed(landed=0, unchanged=50, deleted=0, quarantined=0)
    assert await rows(database) == before
    changed = [live("3", 60), live("7", 200), live("new", 1), live("4", 3)]
    told = await land(work, [*AGED[10:], *changed], expected=Expected.KNOWN)
    assert told == Landed(landed=3, unchanged=41, deleted=0, quarantined=0), "one is older than what is held"
    by_id = {row[0]: row for row in await rows(database)}  # type: ignore[index]
    assert by_id["7"][4] is None, "revived by what is newer than its deletion"  # type: ignore[index]


async def test_a_page_that_is_known_moves_its_checkpoint(work: Work) -> None:
    await land(work, AGED, expected=Expected.ANYTHING)
    slices = [Slice("Invoice", 0, None, None)]
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=slices)
    await land(work, AGED, expected=Expected.KNOWN, checkpoint=Checkpoint("Invoice", 0, at(7), 50, done=True))
    (part,) = (await work.store.scan(work.run_id, REALM)).slices
    assert (part.cursor, part.rows, part.done) == (at(7), 50, True)
    stale = dataclasses.replace(work, lease=structs.replace(work.lease, epoch=work.lease.epoch - 1))
    with pytest.raises(LeaseLostError):
        await land(stale, AGED, expected=Expected.KNOWN)


async def test_a_known_row_leaves_quarantine_when_it_comes(work: Work, database: Database) -> None:
    await land(work, AGED, expected=Expected.ANYTHING)
    await land(work, [], expected=Expected.ANYTHING, refusals=[Refusal("3", "c", "m", b"x")])
    await land(work, AGED, expected=Expected.KNOWN)
    async with database.control() as connection:
        assert await connection.fetchval("SELECT count(*) FROM backfill.quarantine") == 0


async def test_a_deletion_is_never_known(work: Work) -> None:
    await land(work, AGED, expected=Expected.ANYTHING)
    assert (await land(work, [deleted("7", 7)], expected=Expected.KNOWN)).deleted == 1


async def test_rows_without_times_are_always_sent(work: Work, database: Database) -> None:
    untimed = Record("1", None, None, None, b'{"a":1}')
    await land(work, [untimed], expected=Expected.ANYTHING)
    told = await land(work, [structs.replace(untimed, doc=b'{"a":2}')], expected=Expected.KNOWN)
    assert told.landed == 1


async def test_the_largest_token_there_is_is_newer_than_none(work: Work, database: Database) -> None:
    first = Record("1", None, at(1), at(1), b'{"a":1}')
    await land(work, [first], expected=Expected.ANYTHING)
    told = await land(work, [structs.replace(first, sync_token=2**63 - 1)], expected=Expected.KNOWN)
    assert told.landed == 1


async def test_of_equal_versions_the_latest_stands_where_that_is_asked_for(work: Work, database: Database) -> None:
    await land(work, [live("1", 1, doc=b'{"Balance":1}')], expected=Expected.ANYTHING)
    again = [live("1", 1, doc=b'{"Balance":2}')]
    assert (await land(work, again, expected=Expected.KNOWN)).unchanged == 1
    assert (await land(work, again, expected=Expected.KNOWN, overwrite_equal_from=EVER)).landed == 1
