"""Rows as columns are the records that they were made of, to whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backfill.model import Record
from backfill.rows import Rows, doc_bytes, ids_of, moments, without

MOMENTS = st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds it
RECORD = st.builds(
    Record,
    id=st.text("012é\U0001f600", min_size=1, max_size=4),
    sync_token=st.none() | st.integers(0, 2**63 - 1),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    doc=st.binary(max_size=3),
)
RECORDS = st.lists(RECORD, max_size=9)


@given(RECORDS, st.slices(9))
def test_columns_are_the_records(records: list[Record], part: slice) -> None:
    rows = Rows.of(records)
    assert list(rows) == records
    assert len(rows) == len(records)
    assert list(rows[part]) == records[part]
    assert list(reversed(rows)) == records[::-1]
    assert [rows[place] for place in range(-len(records), len(records))] == records * 2
    assert ids_of(rows) == ids_of(records)
    assert [rows.docs[place] for place in range(-len(records), len(records))] == [record.doc for record in records] * 2
    assert doc_bytes(rows[part]) == doc_bytes(records[part]) == sum(len(record.doc) for record in records[part])
    assert moments(rows.updated_at) == [record.updated_at for record in records]


def test_there_is_no_record_behind_the_last() -> None:
    rows = Rows.of([Record("1", 0, None, None, b"{}")])
    for place in (1, -2):
        with pytest.raises(IndexError):
            rows[place]


@given(RECORDS, st.data())
def test_any_of_them_in_any_order(records: list[Record], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(records) - 1)) if records else st.just([]))
    taken = Rows.of(records).take(np.array(places, dtype=np.intp))
    assert list(taken) == [records[place] for place in places]


@given(RECORDS, st.sets(st.text("012é\0", max_size=4)))
@example([Record("7", 0, None, None, b"{}")], {"7\0"})
@example([Record("7", 0, None, None, b"{}")], {"\0"})
def test_what_was_met_before_is_left_out(records: list[Record], met: set[str]) -> None:
    expected = [record for record in records if record.id not in met]
    assert list(without(records, met)) == list(without(Rows.of(records), met)) == expected


@given(RECORDS)
def test_by_id_is_the_order_of_bytes_and_says_when_two_have_one(records: list[Record]) -> None:
    rows = Rows.of(records).by_id()
    if len({record.id for record in records}) < len(records):
        assert rows is None
    else:
        assert rows is not None
        assert list(rows) == sorted(records, key=lambda record: record.id.encode())
