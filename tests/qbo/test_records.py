"""Rows to records: the key columns, and the sender's own bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.model import Record, Refusal
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.records import instant, read_rows

INVOICE = CATALOGUE["Invoice"]
NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def one(entity_name: str, row: bytes) -> Record:
    records, refusals = read_rows(CATALOGUE[entity_name], [row], deleted_at=NOON)
    assert refusals == []
    return records[0]


def refused(row: bytes, entity_name: str = "Invoice") -> Refusal:
    records, refusals = read_rows(CATALOGUE[entity_name], [row])
    assert records == []
    return refusals[0]


def test_the_header_is_read_and_the_bytes_are_kept() -> None:
    row = (
        b'{ "TotalAmt":639.00,"big":12345678901234567890123, "Id":"5000000000000503624","SyncToken":"3",'
        b'"MetaData":{"CreateTime":"2020-09-29T05:58:07-07:00","LastUpdatedTime":"2020-12-29T05:58:07-08:00"}}'
    )
    assert one("Invoice", row) == Record(
        id="5000000000000503624",
        sync_token=3,
        created_at=datetime(2020, 9, 29, 12, 58, 7, tzinfo=UTC),
        updated_at=datetime(2020, 12, 29, 13, 58, 7, tzinfo=UTC),
        doc=row,
    )


@pytest.mark.parametrize("row", [b'{"Id":"TAX"}', b'{"Id":"TAX","MetaData":null,"SyncToken":null}'])
def test_a_row_may_lack_metadata_and_sync_token(row: bytes) -> None:
    record = one("TaxCode", row)
    assert (record.id, record.sync_token, record.created_at, record.updated_at) == ("TAX", None, None, None)


def test_a_deleted_stub_is_dated_by_its_own_time() -> None:
    row = b'{"domain":"QBO","status":"Deleted","Id":"979","MetaData":{"LastUpdatedTime":"2015-12-23T12:55:50-08:00"}}'
    record = one("Estimate", row)
    assert record.deleted
    assert record.updated_at == datetime(2015, 12, 23, 20, 55, 50, tzinfo=UTC)


def test_a_deleted_stub_without_a_time_is_dated_by_its_answer() -> None:
    record = one("Invoice", b'{"domain":"QBO","status":"Deleted","Id":"266"}')
    assert (record.deleted, record.updated_at) == (True, NOON)


@pytest.mark.parametrize("status", ['"Voided"', "null", "1", '{"a":1}'])
def test_no_other_status_means_deleted(status: str) -> None:
    record = one("Invoice", f'{{"Id":"1","status":{status}}}'.encode())
    assert (record.deleted, record.updated_at) == (False, None)


def test_a_singleton_is_number_one_with_or_without_an_id() -> None:
    assert one("Preferences", b'{"SyncToken":"7"}').id == "1"
    assert one("CompanyInfo", b'{"Id":"1","SyncToken":"7"}').id == "1"


def test_a_rate_is_known_by_its_currency_and_date() -> None:
    row = b'{"SourceCurrencyCode":"EUR","AsOfDate":"2026-01-31","TargetCurrencyCode":"USD","Rate":1.1,"SyncToken":"0"}'
    assert one("ExchangeRate", row).id == "EUR:2026-01-31"
    for keyless in (b'{"SourceCurrencyCode":"EUR","Rate":1.1}', b'{"AsOfDate":"2026-01-31","Rate":1.1}'):
        assert refused(keyless, "ExchangeRate").code == "unreadable_row"


def test_a_recurring_transaction_is_unwrapped_and_keeps_its_wrapper() -> None:
    inner = b'{"Id":"12","SyncToken":"1","MetaData":{"LastUpdatedTime":"2020-09-29T05:58:07-07:00"}}'
    record = one("RecurringTransaction", b'{"Invoice":' + inner + b"}")
    assert (record.id, record.sync_token) == ("Invoice:12", 1)
    assert record.updated_at == datetime(2020, 9, 29, 12, 58, 7, tzinfo=UTC)
    assert bytes(record.doc) == b'{"Invoice":' + inner + b"}"


def test_a_wrapper_of_two_objects_is_refused() -> None:
    """Which of them the row is, nobody knows; the other would be lost."""
    assert refused(b'{"Invoice":{"Id":"12"},"Bill":{"Id":"13"}}', "RecurringTransaction").code == "unreadable_row"


def test_an_id_that_is_too_long_to_be_one_is_none() -> None:
    """Its beginning would be asked for, not be found, and the row taken for one that is gone."""
    assert one("Invoice", b'{"Id":"%b"}' % (200 * b"7")).id == 200 * "7"
    assert refused(b'{"Id":"%b"}' % (201 * b"7"), "Invoice").id == ""


def test_recurring_transactions_of_two_types_may_share_an_id() -> None:
    rows = [b'{"Invoice":{"Id":"12"}}', b'{"Bill":{"Id":"12"}}']
    records, _ = read_rows(CATALOGUE["RecurringTransaction"], rows)
    assert [record.id for record in records] == ["Invoice:12", "Bill:12"]


@pytest.mark.parametrize(
    "row",
    [
        b'{"SyncToken":"0"}',
        b'{"Id":""}',
        b'{"Id":{"a":1}}',
        b'{"Id":"' + b"9" * 201 + b'"}',
        b'{"Id":"1","SyncToken":"x"}',
        b'{"Id":"1","SyncToken":"-1"}',
        b'{"Id":"1","SyncToken":"9223372036854775808"}',
        b'{"Id":"1","SyncToken":"' + b"9" * 5000 + b'"}',
        b'{"Id":"1","MetaData":7}',
        b'{"Id":"1","MetaData":{"CreateTime":"yesterday"}}',
        b'{"Id":"1","MetaData":{"CreateTime":"2020-09-29T05:58:07"}}',
        b'{"Id":"1","MetaData":{"CreateTime":"0001-01-01T00:00:00+14:00"}}',
        b"7",
        b"[1]",
        b'{"Id":"1","x":"\\ud800"}',
        b'{"Id":"\xff"}',
        b'{"Id":"1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_row_whose_header_cannot_be_read_is_refused_with_its_bytes_and_a_reason(row: bytes) -> None:
    refusal = refused(row)
    assert (refusal.code, refusal.raw) == ("unreadable_row", row)
    assert refusal.message


def test_one_bad_row_does_not_take_its_neighbours_along() -> None:
    records, refusals = read_rows(INVOICE, [b'{"Id":"1"}', b'{"Id":"2","SyncToken":"x"}', b'{"Id":"3"}'])
    assert [record.id for record in records] == ["1", "3"]
    assert [refusal.id for refusal in refusals] == ["2"]


def test_a_refused_row_is_named_where_its_own_id_can_still_be_read() -> None:
    row = b'{"BillAddr":{"Id":"77"},"Note":"\\ud800","Id":"12"}'
    assert refused(row).id == "12"
    assert refused(b'{"BillAddr":{"Id":"77"},"Note":"\\ud800"}').id == ""


def test_a_refused_row_is_kept_up_to_a_megabyte() -> None:
    assert len(refused(b'{"x":"' + b"a" * 2_000_000 + b'"}').raw) == 1024 * 1024


@pytest.mark.parametrize("offset", ["-07:00", "-0700", "+05:30", "Z", "+00:00"])
def test_times_with_any_spelling_of_an_offset_become_utc(offset: str) -> None:
    parsed = instant(f"2015-10-05T14:42:19{offset}")
    assert parsed.utcoffset() == timedelta(0)
    expected_hours = {"-07:00": 7, "-0700": 7, "+05:30": -5.5, "Z": 0, "+00:00": 0}[offset]
    assert parsed - datetime(2015, 10, 5, 14, 42, 19, tzinfo=UTC) == timedelta(hours=expected_hours)


@given(st.dictionaries(st.sampled_from(["Id", "SyncToken", "MetaData", "status", "Line"]), st.text() | st.integers()))
def test_any_json_row_is_a_record_with_its_bytes_or_a_refusal_with_them(tree: dict[str, object]) -> None:
    row = json.dumps(tree).encode()
    records, refusals = read_rows(INVOICE, [row])
    assert [*(bytes(record.doc) for record in records), *(refusal.raw for refusal in refusals)] == [row]


@given(st.binary())
def test_any_bytes_are_a_record_or_a_refusal(row: bytes) -> None:
    for entity in (INVOICE, *(CATALOGUE[name] for name in ("ExchangeRate", "RecurringTransaction", "Preferences"))):
        records, refusals = read_rows(entity, [row])
        assert len(records) + len(refusals) == 1


TIMES = {"CreateTime": "2014-09-18T12:56:01-07:00", "LastUpdatedTime": "2014-09-18T12:56:01.123-0700"}
# What could be taken for a row's header, or for its end.
TRAPS = st.dictionaries(
    st.sampled_from(["Line", "BillAddr", "Note", "Memo"]),
    st.just([{"Id": "1", "SyncToken": "1", "MetaData": TIMES}])
    | st.just({"Id": "95", "SyncToken": "1", "MetaData": TIMES})
    | st.sampled_from(["}", '"MetaData":{', '{"MetaData":{}', '},{"Id":"8"', "\\", '\\"', "[", "Größe"]),
    max_size=2,
)
WHOLE = st.tuples(TRAPS, TRAPS, st.sampled_from(["7", "8"]), st.sampled_from(["3", "9" * 18])).map(
    lambda drawn: {**drawn[0], "Id": drawn[2], "SyncToken": drawn[3], "MetaData": TIMES, **drawn[1]}
)
STRANGE: list[dict[str, object]] = [
    {"status": "Deleted"},
    {"status": "Pending"},
    {"status": {"a": 1}},
    *({"Id": value} for value in [7, "", None, "x" * 201, True, 1.5]),
    *({"SyncToken": value} for value in [3, "", None, "-1", "many", "\u0663", "9" * 19, 2**63]),
    *({"MetaData": value} for value in [None, {}, {"CreateTime": None}, "2014-09-18"]),
    {"MetaData": {**TIMES, "LastModifiedByRef": {"value": "1"}}},
    {"MetaData": {"LastModifiedByRef": {"value": "1"}, **TIMES}},
    {"MetaData": {**TIMES, "CreateTime": ""}},
    {"MetaData": {**TIMES, "LastUpdatedTime": "2014-09-18T12:56:01"}},
    {"MetaData": {**TIMES, "CreateTime": "0001-01-01T00:00:00+14:00"}},
]


@pytest.mark.parametrize("strange", [{}, *STRANGE], ids=str)
@settings(max_examples=20)
@given(rows=st.lists(WHOLE, min_size=1, max_size=3))
def test_headers_decoded_together_are_those_decoded_one_by_one(
    strange: dict[str, object], rows: list[dict[str, object]]
) -> None:
    """What msgspec cut is decoded from the rows' beginnings, unless a member is strange; bytes are read to the end."""
    # In the place that the API gives it: the status first, MetaData last.
    odd = {**{key: strange[key] for key in strange if key == "status"}, **rows[0], **strange}
    cut = msgspec.json.decode(msgspec.json.encode([*rows, odd]), type=list[msgspec.Raw])
    read = []
    for way in (cut, [bytes(row) for row in cut]):
        records, refusals = read_rows(INVOICE, way, deleted_at=NOON)
        assert len(records) + len(refusals) == len(cut)
        read.append(
            (
                [(*msgspec.structs.astuple(record)[:4], bytes(record.doc), record.deleted) for record in records],
                refusals,
            )
        )
    assert read[0] == read[1]
