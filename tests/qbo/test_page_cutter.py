"""Pages that are cut without being read: the same rows as by reading, or the ordinary way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

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
    ],
    ids=["one", "many", "unlike", "traps", "large", "modified", "arrays"],
)
def test_ordinary_rows_are_cut(rows: list[dict[str, object]]) -> None:
    """Or all would be slow, and no other test would say so."""
    body = body_of(rows, said=len(rows))
    assert is_cut(to_land(body))
    assert told(to_land(body)) == told(read(body))


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


DIGITS = ["0", "7", "42", "007", "999999999", "1000000000", "9223372036854775807", "9223372036854775808", "1" * 255]
WORDS = ["", "-1", "1.5", "e", "7:", "/7", " 7", "7 ", "\u0661", "\0", "7\0", '7"', "\u00e9", "Z" * 300]
_DIGITS = st.sampled_from(DIGITS)
_WORDS = st.sampled_from(WORDS)
_TIME = st.builds(
    "{:%Y-%m-%dT%H:%M:%S}{}".format,
    st.sampled_from([datetime(2020, 2, 29, 23, 59, 59), datetime(2014, 9, 18, 12, 56, 1), datetime(1950, 1, 1)]),  # noqa: DTZ001  # what follows is the zone
    st.sampled_from(["-07:00", "+00:00", "+14:00", "-00:00", "+05:45", "-23:59"]),
)
ODD_TIMES = [
    "2020-09-29T06:51:37Z",
    "2020-09-29T06:51:37.5-07:00",
    "2020-09-29T06:51:37-0700",
    "2020-09-29T06:51:37",
    "2020-09-29 06:51:37-07:00",
    "2020-09-29T06:51:37,07:00",
    "2020-09-29T06:51:37-07.00",
    "2020-09-29T06:51:37-24:00",
    "2020-09-29T06:51:37-07:60",
    "2020-09-29T24:00:00-07:00",
    "2020-02-30T06:51:37-07:00",
    "0000-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "2020-09-29T06:51:37+23:59",
    "2020-09-29T06:51:60-07:00",
    "1899-12-31T23:59:59-07:00",
    "9997-12-31T23:59:59-07:00",
    "9998-01-01T00:00:00-07:00",
    "2020-09-29T06:51:3\0-07:00",
    "",
    None,
    5,
]
_ODD_TIME = st.sampled_from(ODD_TIMES)
_META_DATA = st.lists(
    st.tuples(st.just("CreateTime"), _TIME)
    | st.tuples(st.just("LastUpdatedTime"), _TIME)
    | st.tuples(st.sampled_from(["CreateTime", "LastUpdatedTime"]), _ODD_TIME)
    | st.tuples(st.just("LastModifiedByRef"), st.just({"value": "9130357"}) | st.just({"value": "1"}))
    | st.tuples(st.just("Of"), st.just([{"LastUpdatedTime": TIMES["CreateTime"]}]) | st.just("}")),
    max_size=5,
)
_ORDINARY = st.tuples(_TIME, st.booleans(), _TIME).map(
    lambda drawn: [
        ("CreateTime", drawn[0]),
        *([("LastModifiedByRef", {"value": "9130357"})] if drawn[1] else []),
        ("LastUpdatedTime", drawn[2]),
    ]
)
_HEAD = st.tuples(
    st.sampled_from(
        [
            [],
            [("domain", "QBO")],
            [("Id", "8")],
            [("SyncToken", "5")],
            [("status", "Deleted")],
            [("BillAddr", {"Id": "1"})],
        ]
    ),
    _DIGITS | _DIGITS | _WORDS,
    st.sampled_from(["0", "1", "20"]) | _DIGITS | _WORDS,
    _ORDINARY | _ORDINARY | _META_DATA,
)


@settings(max_examples=150)
@given(st.lists(_HEAD, min_size=1, max_size=4))
def test_the_columns_say_what_the_headers_say(
    heads: list[tuple[list[tuple[str, object]], str, str, list[tuple[str, object]]]],
) -> None:
    """Whatever they say, twice or in another spelling."""
    body = answer_of(
        [row_of([*before, ("Id", id_), ("SyncToken", token)], times) for before, id_, token, times in heads]
    )
    assert told(to_land(body)) == told(read(body))


PLAIN = [("CreateTime", TIMES["CreateTime"]), ("LastUpdatedTime", "2015-10-19T13:57:02+05:45")]
MODIFIED = [PLAIN[0], ("LastModifiedByRef", {"value": "9130357"}), PLAIN[1]]


@pytest.mark.parametrize("times", [PLAIN, MODIFIED], ids=["plain", "modified"])
@pytest.mark.parametrize("member", ["Id", "SyncToken", "CreateTime", "LastUpdatedTime"])
def test_what_only_one_of_many_rows_says_is_what_is_read(times: list[tuple[str, object]], member: str) -> None:
    """It is no sample: its columns alone tell."""
    for value in ODD_TIMES if member.endswith("Time") else [*DIGITS, *WORDS]:
        odd = [(key, value if key == member else ordinary) for key, ordinary in times]
        head = [(key, value if key == member else "12") for key in ("Id", "SyncToken")]
        rows = [row_of([("Id", "1"), ("SyncToken", "0")], times), row_of(head, odd), row_of(head[:0], PLAIN)]
        for answer in (answer_of(rows[:2]), answer_of(rows)):
            assert outcome(to_land, answer) == outcome(read, answer), value


@pytest.mark.parametrize("key", ["CreateTime", "LastUpdatedTime", "LastModifiedByRef"])
def test_a_meta_data_that_goes_on_behind_its_times_is_read(key: str) -> None:
    """It may say a time again: the last one counts."""
    head = [("Id", "12"), ("SyncToken", "3")]
    answer = answer_of([row_of(head, times) for times in (PLAIN, [*PLAIN, (key, "2016-01-01T00:00:00+00:00")], PLAIN)])
    assert not is_cut(to_land(answer))
    assert outcome(to_land, answer) == outcome(read, answer)


@pytest.mark.parametrize("times", [PLAIN, MODIFIED], ids=["plain", "modified"])
def test_a_row_that_does_not_end_is_not_taken_for_one_that_does(times: list[tuple[str, object]]) -> None:
    row = row_of([("Id", "12"), ("SyncToken", "3")], times)
    with pytest.raises(UnreadableError):
        to_land(answer_of([row, row[:-1], row]))


@pytest.mark.parametrize("times", [PLAIN, MODIFIED], ids=["plain", "modified"])
def test_each_byte_of_each_rows_beginning_counts(times: list[tuple[str, object]]) -> None:
    row = row_of([("Id", "12"), ("SyncToken", "3")], times)
    for at in range(len(row)):
        for put in (b"0", b"9", b":", b"/", b"+", b",", b'"', b"\0", b"}", b"},{", b""):
            answer = answer_of([row, row[:at] + put + row[at + 1 :], row])
            assert outcome(to_land, answer) == outcome(read, answer) or is_postgres_to_refuse(answer), (at, put)


def outcome(decode: Callable[[bytes], Page], body: bytes) -> object:
    try:
        return told(decode(body))
    except RequestError as error:
        return type(error)


def is_postgres_to_refuse(body: bytes) -> bool:
    """An answer that is no JSON, whose spoiled document would be sent."""
    return not is_json(body) and not all(is_json(record.doc) for record in to_land(body).records)


def answer_of(rows: Sequence[bytes]) -> bytes:
    answer = b'{"QueryResponse":{"Invoice":[%b],"maxResults":%d},"time":"2020-09-29T06:51:37-07:00"}'
    return answer % (b",".join(rows), len(rows))


def row_of(head: Sequence[tuple[str, object]], times: Sequence[tuple[str, object]]) -> bytes:
    return spelled([*head, ("MetaData", Spelled(spelled(times)))])


class Spelled(bytes):
    """JSON already."""

    __slots__ = ()


def spelled(members: Sequence[tuple[str, object]]) -> bytes:
    """An object with these members in this order, twice if they are given twice."""
    said = (
        msgspec.json.encode(key) + b":" + (value if isinstance(value, Spelled) else msgspec.json.encode(value))
        for key, value in members
    )
    return b"{" + b",".join(said) + b"}"


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
