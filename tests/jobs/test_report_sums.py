"""Whether a report adds up in itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backfill.jobs.report_sums import FAULTS_MAX, wrong_sums
from backfill.report_model import ReportColumn, ReportDocument, ReportRow, RowType

MONEY = (ReportColumn("account", "Account"), ReportColumn("total", "Money"))


def row(kind: RowType, path: str, group: str = "", **cells: str) -> ReportRow:
    values = {key: Decimal(value) for key, value in cells.items()}
    return ReportRow(path, path.count("/"), kind, group, "", None, None, None, values, {})


def document(*rows: ReportRow, columns: tuple[ReportColumn, ...] = MONEY) -> ReportDocument:
    return ReportDocument(b"{}", columns, rows, 0, "accrual", "USD", None, "", b"")


def data(path: str, amount: str) -> ReportRow:
    return row(RowType.DATA, path, total=amount)


def total(path: str, amount: str, group: str = "") -> ReportRow:
    return row(RowType.SUMMARY, path, group, total=amount)


def head(path: str) -> ReportRow:
    return row(RowType.SECTION, path)


def test_rows_of_a_section_and_of_those_within_it_come_to_its_total() -> None:
    rows = [
        head("I"),
        data("I/1", "2.00"),
        head("I/2"),
        data("I/2/3", "0.50"),
        total("I/2", "0.50"),
        total("I", "2.50"),
    ]
    assert wrong_sums(document(*rows)) == []
    rows[-1] = total("I", "2.51")
    assert wrong_sums(document(*rows)) == ["section I, column total: the rows add up to 2.50, the total says 2.51"]


def test_a_section_of_nothing_has_a_total_of_nothing() -> None:
    assert wrong_sums(document(head("I"), total("I", "0"))) == []
    assert wrong_sums(document(head("I"), total("I", "5"))) != []


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"total": "(5.00)"}, "row I/1, total: '(5.00)' is not added up, that is no number"),
        ({"column 2": "5.00"}, "row I/1, column 2: '5.00' is not added up, there is no such column"),
        ({"account": "Rent"}, None),
    ],
)
def test_what_is_in_no_sum_is_no_sum(cells: dict[str, str], fault: str | None) -> None:
    line = ReportRow("I/1", 1, RowType.DATA, "", "", "1", None, None, cells, {})
    assert wrong_sums(document(head("I"), line, total("I", "0"))) == ([] if fault is None else [fault])


def test_the_last_line_is_the_sum_of_all() -> None:
    assert wrong_sums(document(data("1", "2"), data("2", "3"), total("", "5", "GrandTotal"))) == []
    assert wrong_sums(document(total("", "5", "GrandTotal"), data("1", "2"), data("2", "3"))) == [], "or the first"
    assert "the whole report" in wrong_sums(document(data("1", "2"), total("", "5", "GrandTotal")))[0]
    assert "the whole report" in wrong_sums(document(total("", "5", "GrandTotal"), data("1", "2")))[0]


STATEMENT = {
    "Income": "100", "COGS": "40", "GrossProfit": "60", "Expenses": "25", "NetOperatingIncome": "35",
    "OtherIncome": "7", "OtherExpenses": "2", "NetOtherIncome": "5", "NetIncome": "40",
}  # fmt: skip


def statement(**amounts: str) -> ReportDocument:
    return document(*(total(group, amount, group) for group, amount in {**STATEMENT, **amounts}.items()))


def test_totals_of_a_statement_follow_from_one_another() -> None:
    assert wrong_sums(statement()) == []


@pytest.mark.parametrize("group", ["GrossProfit", "NetOperatingIncome", "NetOtherIncome", "NetIncome"])
def test_each_of_them_is_looked_at(group: str) -> None:
    assert any(group in fault for fault in wrong_sums(statement(**{group: "39.99"})))


@pytest.mark.parametrize("left_out", [["GrossProfit"], ["NetOtherIncome"], ["COGS", "GrossProfit"]])
def test_what_is_not_shown_is_worked_out(left_out: list[str]) -> None:
    shown = {group: amount for group, amount in STATEMENT.items() if group not in left_out}
    if "COGS" in left_out:
        shown |= {"NetOperatingIncome": "75", "NetIncome": "80"}
    assert wrong_sums(document(*(total(group, amount, group) for group, amount in shown.items()))) == []


def test_assets_are_what_is_owed_and_owned() -> None:
    sides = [total("TotalAssets", "9", "TotalAssets"), total("L", "9", "TotalLiabilitiesAndEquity")]
    assert wrong_sums(document(*sides)) == []
    sides[1] = total("L", "8", "TotalLiabilitiesAndEquity")
    assert "assets against" in wrong_sums(document(*sides))[0]


@pytest.mark.parametrize("group", ["TotalAssets", "TotalLiabilitiesAndEquity"])
def test_a_balance_sheet_of_one_side_was_cut_unless_it_comes_to_nothing(group: str) -> None:
    assert "assets against" in wrong_sums(document(total("one", "9", group)))[0]
    assert wrong_sums(document(total("one", "0.00", group))) == []


def test_a_class_by_itself_need_not_balance() -> None:
    columns = (ReportColumn("account", "Account"), *(ReportColumn(key, "Money") for key in ("7", "8", "total")))
    assets = row(RowType.SUMMARY, "TotalAssets", "TotalAssets", **{"7": "5", "8": "4", "total": "9"})
    owed = {"7": "4", "8": "5", "total": "9"}
    whole = row(RowType.SUMMARY, "L", "TotalLiabilitiesAndEquity", **owed)
    assert wrong_sums(document(assets, whole, columns=columns)) == []
    wrong = row(RowType.SUMMARY, "L", "TotalLiabilitiesAndEquity", **{**owed, "8": "6", "total": "10"})
    assert wrong_sums(document(assets, wrong, columns=columns)) == [
        "assets against liabilities and equity, column total: the rows add up to 9, the total says 10"
    ]


@pytest.mark.parametrize("sides", [("debit", "credit"), ("debt_amt", "credit_amt")])
def test_debits_are_credits(sides: tuple[str, str]) -> None:
    columns = (ReportColumn("account", "Account"), *(ReportColumn(side, "Money") for side in sides))
    one, other = (row(RowType.DATA, side, **{side: "7"}) for side in sides)
    assert wrong_sums(document(one, other, columns=columns)) == []
    assert "debits against credits" in wrong_sums(document(one, columns=columns))[0]


def test_columns_come_to_the_total_beside_them() -> None:
    columns = (ReportColumn("customer", "Customer"), *(ReportColumn(key, "Money") for key in ("0", "30", "total")))
    good = ReportRow(
        "7", 0, RowType.DATA, "", "", None, "7", None, {"0": Decimal(1), "30": Decimal(2), "total": Decimal(3)}, {}
    )
    assert wrong_sums(document(good, columns=columns)) == []
    bad = ReportRow("7", 0, RowType.DATA, "", "", None, "7", None, {"0": Decimal(1), "total": Decimal(3)}, {})
    assert wrong_sums(document(bad, columns=columns)) == ["row 7: its columns add up to 1, its total says 3"]


def test_running_balances_and_rates_are_not_added_up() -> None:
    columns = tuple(ReportColumn(key, key) for key in ("tx_date", "rate", "rbal_nat_amount", "subt_nat_amount"))
    line = row(RowType.DATA, "1", rate="2", rbal_nat_amount="7", subt_nat_amount="5")
    assert wrong_sums(document(line, row(RowType.SUMMARY, "1", subt_nat_amount="5"), columns=columns)) == []


def test_no_more_is_said_than_a_person_reads() -> None:
    rows = [part for number in range(50) for part in (data(f"{number}/1", "1"), total(f"{number}", "2"))]
    assert len(wrong_sums(document(*rows))) == FAULTS_MAX
