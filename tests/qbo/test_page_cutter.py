"""Pages that are cut without being read: the same rows as by reading, or the ordinary way."""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backfill.errors import RequestError, UnreadableError
from backfill.model import Document, RealmId
from backfill.qbo import answers, calls
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.page_cutter import cut_page
from backfill.wire import Response

INVOICE = CATALOGUE["Invoice"]
ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Invoice")
TIMES = {"CreateTime": "2014-09-18T12:56:01-07:00", "LastUpdatedTime": "2014-09-18T12:56:01-07:00"}
HEADER: dict[str, object] = {"Id": "7", "SyncToken": "3", "MetaData": TIMES}

_INSIDE = st.sampled_from(
    [
        HEADER,
        {"domain": "QBO", **HEADER},
        {"MetaData": TIMES},
        {"Id": "1"},
        {"Id": "1", "Of": [{"Id": "2"}, {"Id": "3"}]},
        {**HEADER, "Of": [{"Id": "2"}, HEADER]},
        [],
        {},
        1.50,
        "",
        '"MetaData":{"CreateTime":"',
        '},{"Id":"8"',
        "}]",
        "]},{[",
        "\\",
        '\\"',
        "Größe",
    ]
)
_MEMBERS = st.dictionaries(
    st.sampled_from(["Line", "BillAddr", "Memo", '"MetaData', "Of"]),
    _INSIDE | st.lists(_INSIDE, max_size=3),
    max_size=3,
)
ROWS = st.lists(
    st.tuples(_MEMBERS, st.sampled_from(["1", "22", "333"]), _MEMBERS).map(
        lambda drawn: {**drawn[0], "Id": drawn[1], "SyncToken": "0", "MetaData": TIMES, **drawn[2]}
    )
    | _MEMBERS.map(lambda members: {"Id": "9", **members}),
    max_size=4,
)
"""Rows with whatever could be taken for a row's header, beginning or end, before and behind their own."""


def body_of(rows: object, *, said: int, beside: dict[str, object] | None = None, spaced: bool = False) -> bytes:
    """An answer of Intuit's, with rows as they are spelled by it: without a space."""
    found = {"Invoice": rows, "startPosition": 1, "maxResults": said, **(beside or {})}
    answer = {"QueryResponse": found, "time": "2020-09-29T06:51:37.512-07:00"}
    return json.dumps(answer, indent=1).encode() if spaced else msgspec.json.encode(answer)


def to_land(body: bytes) -> Page:
    return answers.decode_page_to_land(INVOICE, Response(status=200, body=body), request=ASKED)


def read(body: bytes) -> Page:
    return answers.decode_page(INVOICE, Response(status=200, body=body), request=ASKED)


def is_cut(page: Page) -> bool:
    return bool(page.records) and all(isinstance(record.doc, memoryview) for record in page.records)


def is_json(doc: Document) -> bool:
    try:
        json.loads(bytes(doc))
    except ValueError:
        return False
    return True


def told(page: Page) -> object:
    records = [(*msgspec.structs.astuple(record)[:4], bytes(record.doc), record.deleted) for record in page.records]
    return records, page.refusals, page.received, page.server_time, page.total_count


@settings(max_examples=200)
@given(
    rows=ROWS,
    beside=st.dictionaries(st.sampled_from(["totalCount", "Bill"]), st.just(7) | st.just([HEADER]), max_size=1),
    spaced=st.booleans(),
)
@example(rows=[{**HEADER, "Of": [{"Id": "1"}, HEADER]}], beside={}, spaced=False)
@example(rows=[HEADER, {"Of": [{"Id": "1"}, {"Id": "2"}], **HEADER}], beside={}, spaced=False)
@example(rows=[HEADER], beside={"Bill": [HEADER]}, spaced=False)
def test_cut_or_not_the_rows_are_those_that_are_read(
    rows: list[dict[str, object]], beside: dict[str, object], spaced: bool
) -> None:
    body = body_of(rows, said=len(rows), beside=beside, spaced=spaced)
    try:
        expected = told(read(body))
    except RequestError:
        with pytest.raises(RequestError):
            to_land(body)
        return
    page = to_land(body)
    if all("MetaData" in row for row in rows) or not is_cut(page):
        assert told(page) == expected
    else:  # what Intuit has not: a row without a MetaData, and within another row an object with a header of its own
        assert not all(is_json(record.doc) for record in page.records), "Postgres would land it"


def test_a_miscut_page_does_not_get_past_postgres() -> None:
    """The one that the rules let through: see the test above."""
    page = to_land(body_of([{**HEADER, "Of": [{"Id": "1"}, HEADER]}, {"Id": "9"}], said=2))
    assert [is_json(record.doc) for record in page.records] == [False, False]


@pytest.mark.parametrize(
    "rows",
    [
        [HEADER],
        [{**HEADER, "Id": str(number), "Line": [{"Id": "1"}, {"Id": "2"}]} for number in range(50)],
        # Which member is the first of a row depends on what the row has.
        [{"DueDate": "2020-01-01", **HEADER}, HEADER, {"BillAddr": {"Id": "1"}, **HEADER}],
        [{**HEADER, "Note": '"MetaData":{"CreateTime":"},{'}, HEADER],
        [{**HEADER, "Id": "9" * 19, "SyncToken": "9" * 9}, HEADER],
        2 * [{**HEADER, "MetaData": {"CreateTime": TIMES["CreateTime"], "LastModifiedByRef": {"value": "1"}, **TIMES}}],
        3 * [{"Of": [{"Id": "1"}, {"Id": "2"}], **HEADER}],
        3 * [{"Memo": "m" * 2000, **HEADER}],
        [{**member, **HEADER, "Line": [{"Id": "1"}, {"Id": "2"}, {"Id": "3"}]} for member in ({}, {"DueDate": "2020"})],
    ],
    ids=["one", "many", "unlike", "traps", "large", "modified", "arrays", "long", "unlike behind lines"],
)
def test_ordinary_rows_are_cut(rows: list[dict[str, object]]) -> None:
    """Or all would be slow, and no other test would say so."""
    body = body_of(rows, said=len(rows))
    assert is_cut(to_land(body))
    assert told(to_land(body)) == told(read(body))


def test_a_row_whose_only_header_is_that_of_an_object_in_it_spoils_no_other() -> None:
    """What Intuit has not. That object begins as the first row does, and stands behind no other."""
    begun = {"domain": "QBO", **HEADER}
    body = body_of([begun, {"Of": begun}, begun], said=3)
    assert told(to_land(body)) == told(read(body))


def test_a_long_beginning_is_not_laid_beside_that_of_every_row() -> None:
    body = body_of([{"Memo": "m" * 100_000, **HEADER}, *(1000 * [HEADER])], said=1001)
    tracemalloc.start()
    try:
        cut = cut_page(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(cut.rows) == 1001
    assert peak_bytes < 10 * len(body)


@pytest.mark.parametrize("said", [1, 3, 0, "2", None])
def test_an_answer_that_says_another_number_of_rows_is_read(said: int) -> None:
    page = to_land(body_of([HEADER, HEADER], said=said))
    assert not is_cut(page)
    assert page.received == 2


def test_more_rows_than_anybody_asked_for_are_not_taken_either_way() -> None:
    rows = 10_001 * [HEADER]
    with pytest.raises(UnreadableError, match="10001 rows, which nobody asked for"):
        to_land(body_of(rows, said=len(rows)))


@pytest.mark.parametrize(
    ("entity_name", "row", "id_"),
    [
        ("RecurringTransaction", {"Invoice": HEADER}, "Invoice:7"),
        ("ExchangeRate", {"SourceCurrencyCode": "EUR", "AsOfDate": "2020-01-01", **HEADER}, "EUR:2020-01-01"),
        ("Preferences", HEADER, "1"),
    ],
)
def test_rows_that_are_known_by_something_else_than_their_id_are_read(
    entity_name: str, row: dict[str, object], id_: str
) -> None:
    found = {entity_name: [row], "startPosition": 1, "maxResults": 1}
    body = msgspec.json.encode({"QueryResponse": found, "time": "2020-09-29T06:51:37-07:00"})
    page = answers.decode_page_to_land(CATALOGUE[entity_name], Response(status=200, body=body), request=ASKED)
    assert [record.id for record in page.records] == [id_]


def test_rows_of_another_entity_are_not_taken_for_what_was_asked() -> None:
    with pytest.raises(UnreadableError, match="rows of Invoice, where Bill was asked for"):
        answers.decode_page_to_land(
            CATALOGUE["Bill"], Response(status=200, body=body_of([HEADER], said=1)), request=ASKED
        )


WHOLE = body_of([{"Line": [{"Id": "1"}], **HEADER, "Memo": "é"}, HEADER, {**HEADER, "Of": [{}]}], said=3)


@settings(max_examples=150)
@given(at=st.integers(0, len(WHOLE) - 1), length=st.integers(0, 40), put=st.binary(max_size=3) | st.sampled_from(
    [b"}", b"]", b"}]", b'},{"', b'"', b"\\", b'"MetaData":{"CreateTime":"', b"[{"]
))  # fmt: skip
def test_the_pieces_of_a_spoiled_answer_are_all_of_it(at: int, length: int, put: bytes) -> None:
    """Cut at all, rows and commas make up what was between, and each has one header: nothing falls between two."""
    body = WHOLE[:at] + put + WHOLE[at + length :]
    try:
        cut = cut_page(body)
    except ValueError:
        return
    between = b",".join(map(bytes, cut.rows.docs))
    assert between in body
    assert len(cut.around) + len(between) == len(body)
    try:
        page = to_land(body)
    except RequestError:
        return
    if is_cut(page):
        assert [bytes(record.doc).count(b'"MetaData":{"CreateTime":"') for record in page.records] == [1, 1, 1]


@pytest.mark.parametrize("end", [b"", b"}]", b'"}}]'])
def test_an_answer_cut_short_is_unreadable(end: bytes) -> None:
    for length in range(len(WHOLE)):
        for start in (0, WHOLE.index(b"[{"), WHOLE.index(b'"Meta') - 3):
            with pytest.raises(RequestError):
                to_land(WHOLE[start:length] + end)


@given(
    st.binary() | st.lists(st.sampled_from([b"[{", b"}]", b'"MetaData":{"CreateTime":"', b"}", b'},{"'])).map(b"".join)
)
def test_of_any_bytes_nothing_but_an_error_of_ours_comes(body: bytes) -> None:
    with pytest.raises(RequestError):
        to_land(body)
