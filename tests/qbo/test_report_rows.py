"""Rows of reports of any make: what came is there, and a number is what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import TooLargeError
from backfill.report_model import ReportDocument
from tests.qbo.test_report_answers import CUT, INCOME, NET, cells, column, decoded, profit_and_loss

WIDTH = 2

lines = st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), min_size=WIDTH, max_size=WIDTH)
cell_lists = lines.map(lambda line: {"ColData": [{"value": value} for value in line]})


def parts_of(lists: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Rows and sections, and what is neither or both, with one of these in it."""
    names = st.sampled_from(["", "Income", "GrandTotal"])
    maybe = st.none() | cell_lists
    return st.builds(_row, maybe, maybe, lists, maybe, names)


def _row(own: Any, head: Any, rows: Any, total: Any, group: str) -> dict[str, Any]:
    found = {"Header": head, "Rows": {"Row": rows} if isinstance(rows, list) else rows, "Summary": total}
    return {name: part for name, part in found.items() if part is not None} | (own or {}) | {"group": group}


def _sent(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "value" in part:
            yield part["value"]
        for one in part.values():
            yield from _sent(one)
    elif isinstance(part, list):
        for one in part:
            yield from _sent(one)


def _landed(document: ReportDocument) -> set[str]:
    return {row.label for row in document.rows} | {str(value) for row in document.rows for value in row.cells.values()}


@given(
    st.lists(
        st.recursive(
            parts_of(st.none() | st.just({})), lambda rows: parts_of(st.lists(rows, max_size=3)), max_leaves=10
        ),
        max_size=4,
    )
)
def test_no_cell_that_came_is_left_out(rows: list[Any]) -> None:
    columns = [column("account_name"), column("memo")]
    document = decoded("AccountList", profit_and_loss(*rows, columns=columns))
    assert set(_sent(rows)) <= _landed(document)


def test_an_empty_list_of_rows_makes_no_section_of_a_row() -> None:
    row = {**cells(("Design income", "82"), "5.00"), "Rows": {}}
    (landed, _) = decoded("ProfitAndLoss", profit_and_loss(row, NET)).rows
    assert (landed.account_id, landed.cells["total"]) == ("82", Decimal("5.00"))
    with pytest.raises(TooLargeError, match="nothing sums up its rows"):
        decoded("TrialBalance", profit_and_loss(row))
    with pytest.raises(TooLargeError, match="more data than it displays"):
        decoded("ProfitAndLoss", profit_and_loss(INCOME, {**cells(CUT), "Rows": {}}, NET))


@pytest.mark.parametrize(
    ("sent", "landed"),
    [
        ("12345678901234567.89", "12345678901234567.89"),
        ("0.10", "0.10"),
        ("0.0000001", "0.0000001"),
        ("1.2345678E7", "12345678"),
        ("-3", "-3"),
        ('"2.5e3"', "2500"),
    ],
)
def test_a_number_is_what_was_sent_to_the_last_digit(sent: str, landed: str) -> None:
    """All are texts in recordings; the newer service may send numbers, and as a float they lose their cents."""
    body = json.dumps(profit_and_loss(cells("x", "@"), NET)).replace('"@"', sent).encode()
    assert decoded("ProfitAndLoss", body).rows[0].cells["total"] == Decimal(landed)


@pytest.mark.parametrize("sent", ["1e99", "1e-999999999", "0x10", "1.5e"])
def test_what_no_program_writes_for_an_amount_is_a_text(sent: str) -> None:
    assert decoded("ProfitAndLoss", profit_and_loss(cells("x", sent), NET)).rows[0].cells["total"] == sent


def test_a_total_of_all_may_stand_anywhere() -> None:
    """The newer service does not promise an order of rows."""
    rows = [{"Summary": cells("TOTAL", "5.00"), "group": "GrandTotal"}, cells(("Checking", "35"), "5.00")]
    assert len(decoded("TrialBalance", profit_and_loss(*rows)).rows) == 2


def test_columns_of_one_key_keep_their_cells_apart() -> None:
    columns = [column("Account"), *(column("Money", key) for key in ("x", "x", "x.2", "x"))]
    row = decoded("ProfitAndLoss", profit_and_loss(cells("a", "1", "2", "3", "4"), NET, columns=columns)).rows[0]
    assert [value for value in row.cells.values() if isinstance(value, Decimal)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("ProfitAndLoss", {"Header": cells("x" * 1_000_000, ""), "Rows": {}, "group": "Income"}),
        ("TrialBalance", cells("x" * 1_000_000, "5.00")),
    ],
)
def test_what_a_message_quotes_of_a_title_has_a_bound(name: str, row: dict[str, Any]) -> None:
    with pytest.raises(TooLargeError) as caught:
        decoded(name, profit_and_loss(row))
    assert len(caught.value.message) < 500
