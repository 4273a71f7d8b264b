"""What the columns of a cut page say is what reading it says, whatever a single one of its rows has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.errors import RequestError, UnreadableError
from backfill.qbo.answers import Page
from tests.qbo.test_page_cutter import TIMES, is_cut, is_json, read, to_land, told

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


PLAIN: list[tuple[str, object]] = [
    ("CreateTime", TIMES["CreateTime"]),
    ("LastUpdatedTime", "2015-10-19T13:57:02+05:45"),
]
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


def test_times_of_all_offsets_are_cut_whichever_comes_first() -> None:
    zones = ["-07:00", "+05:45", "-23:59", "+14:00", "-00:00"]
    texts = [f"2020-02-{day}T23:59:59{zone}" for day in (28, 29) for zone in zones]
    rows = [[("CreateTime", texts[3]), ("LastUpdatedTime", text)] for text in texts]
    for turn in range(len(rows)):
        answer = answer_of([row_of([("Id", "1"), ("SyncToken", "0")], times) for times in rows[turn:] + rows[:turn]])
        assert is_cut(to_land(answer))
        assert told(to_land(answer)) == told(read(answer))


@pytest.mark.parametrize(
    ("before", "between"),
    [
        ([("status", "Deleted")], []),
        ([("Id", "8"), ("status", "x")], []),
        ([], [("CreateTime", "2016-01-01T00:00:00+00:00")]),
        ([("domain", "QBO")], [("CreateTime", 5)]),
    ],
)
def test_each_kind_of_row_is_looked_at(before: list[tuple[str, object]], between: list[tuple[str, object]]) -> None:
    """What none of the others has before its Id or between its times may change what it is."""
    head: list[tuple[str, object]] = [("Id", "12"), ("SyncToken", "3")]
    named: tuple[str, object] = ("domain", "QBO")
    odd = row_of([*before, *head], [PLAIN[0], *between, PLAIN[1]])
    answer = answer_of([row_of(head, PLAIN), row_of([named, *head], PLAIN), row_of(head, MODIFIED), odd])
    assert not is_cut(to_land(answer))
    assert outcome(to_land, answer) == outcome(read, answer)


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
