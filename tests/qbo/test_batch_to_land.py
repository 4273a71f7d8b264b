"""Batch answers whose rows are going to be landed: the same pages as by reading, and large items are cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.errors import UnreadableError
from backfill.qbo import answers
from backfill.qbo.answers import BatchAnswer, Page
from backfill.qbo.records import SINGLETON_ID
from backfill.wire import Response
from tests.qbo.test_page_cutter import ASKED, HEADER, ROWS, TIMES, body_of, is_cut, to_land, told

TIME = "2020-09-29T06:51:37.512-07:00"
LARGE = [{**HEADER, "Id": str(number), "Memo": "m" * 1500} for number in range(150)]


def response(*items: object) -> Response:
    return Response(status=200, body=msgspec.json.encode({"BatchItemResponse": items, "time": TIME}))


def item(b_id: str, rows: object, *, said: int, key: str = "Invoice") -> dict[str, object]:
    return {"QueryResponse": {key: rows, "startPosition": 1, "maxResults": said}, "bId": b_id}


def batch(*items: object) -> BatchAnswer:
    return answers.decode_batch_to_land(response(*items), request=ASKED)


def page(found: BatchAnswer, b_id: str) -> Page:
    answered = found.items[b_id]
    assert isinstance(answered, Page)
    return answered


@settings(max_examples=200)
@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(0, 4))
def test_an_item_is_cut_exactly_where_a_page_of_its_rows_is(items: list[list[dict[str, object]]], said: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answers, "_CUT_BYTES_MIN", 0)
        found = batch(*(item(str(number), rows, said=said) for number, rows in enumerate(items)))
    for number, rows in enumerate(items):
        alone = to_land(body_of(rows, said=said))
        assert told(page(found, str(number))) == told(alone)
        assert is_cut(page(found, str(number))) == is_cut(alone)


def test_many_rows_are_cut_and_few_are_read() -> None:
    """To cut them costs more of its own than to read them."""
    found = batch(item("few", LARGE[:50], said=50), item("many", LARGE, said=len(LARGE)), item("none", [], said=0))
    assert [is_cut(page(found, b_id)) for b_id in ("few", "many", "none")] == [False, True, False]
    read = answers.decode_batch(
        response(item("few", LARGE[:50], said=50), item("many", LARGE, said=len(LARGE))), request=ASKED
    )
    for b_id in ("few", "many"):
        assert told(page(found, b_id)) == told(page(read, b_id))
    assert page(found, "none").received == 0


def test_counts_come_with_rows() -> None:
    found = batch({"QueryResponse": {"totalCount": 7}, "bId": "1"}, item("2", LARGE, said=len(LARGE)))
    assert (page(found, "1").total_count, page(found, "1").received) == (7, 0)


@pytest.mark.parametrize(
    "rows",
    [
        LARGE[:-1],  # one less than is said
        [*LARGE[:-1], {"Id": "9", "Memo": "no MetaData"}],
        [*LARGE[:-1], {**HEADER, "Id": "x"}],
        [*LARGE[:-1], {**HEADER, "MetaData": {**TIMES, "CreateTime": "yesterday"}}],
        [*LARGE[:-1], {**HEADER, "SyncToken": None}],
    ],
    ids=["fewer", "headless", "letter", "moment", "tokenless"],
)
def test_rows_that_are_not_ordinary_are_read(rows: list[dict[str, object]]) -> None:
    asked = item("1", rows, said=len(LARGE))
    found = page(batch(asked), "1")
    assert not is_cut(found)
    assert told(found) == told(page(answers.decode_batch(response(asked), request=ASKED), "1"))


def test_a_row_of_what_has_no_header_of_its_own_is_not_cut() -> None:
    """A recurring transaction's header is that of the object within it."""
    rows = [{"Invoice": row} for row in LARGE]
    found = page(batch(item("1", rows, said=len(rows), key="RecurringTransaction")), "1")
    assert [record.id for record in found.records] == [f"Invoice:{row['Id']}" for row in LARGE]


def test_what_there_is_one_of_has_no_id_of_its_own() -> None:
    found = page(batch(item("1", [{**HEADER, "Memo": "m" * 200_000}], said=1, key="CompanyInfo")), "1")
    assert [record.id for record in found.records] == [SINGLETON_ID]


def test_a_fault_or_a_poisoned_row_beside_many_rows_costs_nothing_else() -> None:
    fault = {"Fault": {"Error": [{"Message": "no", "code": "4001"}], "type": "ValidationFault"}, "bId": "2"}
    found = batch(item("1", LARGE, said=len(LARGE)), fault)
    assert page(found, "1").received == len(LARGE)
    assert not isinstance(found.items["2"], Page)
    body = response(item("1", [*LARGE, {"Id": "8", "x": "POISON"}], said=151)).body.replace(b"POISON", rb"\ud800")
    (poisoned,) = answers.decode_batch_to_land(Response(status=200, body=body), request=ASKED).items.values()
    assert isinstance(poisoned, Page)
    assert ([refusal.id for refusal in poisoned.refusals], len(poisoned.records)) == (["8"], len(LARGE))


def test_one_id_twice_is_unreadable() -> None:
    with pytest.raises(UnreadableError, match="occurs twice"):
        batch(item("1", LARGE, said=len(LARGE)), item("1", [], said=0))
