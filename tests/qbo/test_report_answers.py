"""Answers of reports: both shapes, what tells that one was cut, and what is no report at all."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import Disposition, FaultError, RequestError, TooLargeError, UnreadableError
from backfill.model import RealmId
from backfill.qbo.checked import check
from backfill.qbo.report_answers import CELLS_MAX, decode_report
from backfill.qbo.report_calls import call
from backfill.qbo.reports import REPORTS
from backfill.report_model import Period, ReportDocument, RowType
from backfill.wire import Response

CUT = "Unable to display more data. Please reduce the date range."
HEADER = {
    "Time": "2020-09-29T08:14:02-07:00",
    "ReportName": "ProfitAndLoss",
    "ReportBasis": "Accrual",
    "Currency": "USD",
}


def asked(name: str) -> Any:
    return call(RealmId("4620816365"), REPORTS[name], Period(date(2026, 1, 1), date(2026, 6, 30)), ())


def decoded(name: str, body: Any) -> ReportDocument:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_report(
        REPORTS[name], Response(status=200, headers={"intuit_tid": "1-5f"}, body=raw), request=asked(name)
    )


def cells(*values: str | tuple[str, str]) -> dict[str, Any]:
    found = [{"value": one} if isinstance(one, str) else {"value": one[0], "id": one[1]} for one in values]
    return {"ColData": found}


def column(kind: str, key: str = "", **dates: str) -> dict[str, Any]:
    meta = [{"Name": name, "Value": value} for name, value in {"ColKey": key, **dates}.items() if value]
    return {"ColTitle": "Whatever", "ColType": kind, **({"MetaData": meta} if meta else {})}


def profit_and_loss(*rows: Any, columns: Any = None) -> dict[str, Any]:
    found = columns or [column("Account"), column("Money", "total")]
    return {"Header": HEADER, "Columns": {"Column": found}, "Rows": {"Row": list(rows)}}


INCOME = {
    "Header": cells("Income", ""),
    "Rows": {
        "Row": [
            {**cells(("Design income", "82"), "2250.00"), "type": "Data"},
            {
                "Header": cells(("Landscaping", "45"), "1477.50"),
                "Rows": {"Row": [{**cells(("Plants", "49"), "0.50"), "type": "Data"}]},
                "Summary": cells("Total Landscaping", "1478.00"),
                "type": "Section",
            },
        ]
    },
    "Summary": cells("Total Income", "3728.00"),
    "type": "Section",
    "group": "Income",
}
NET = {"Summary": cells("Net Income", "3728.00"), "type": "Section", "group": "NetIncome"}


def test_a_statement_becomes_rows_in_order_with_their_places() -> None:
    document = decoded("ProfitAndLoss", profit_and_loss(INCOME, NET))
    assert [(row.path, row.depth, row.type, row.account_id, row.cells.get("total")) for row in document.rows] == [
        ("Income", 0, RowType.SECTION, None, None),
        ("Income/82", 1, RowType.DATA, "82", Decimal("2250.00")),
        ("Income/account:45", 1, RowType.SECTION, "45", None),
        ("Income/account:45", 2, RowType.DATA, "45", Decimal("1477.50")),
        ("Income/account:45/49", 2, RowType.DATA, "49", Decimal("0.50")),
        ("Income/account:45", 1, RowType.SUMMARY, "45", Decimal("1478.00")),
        ("Income", 0, RowType.SUMMARY, None, Decimal("3728.00")),
        ("NetIncome", 0, RowType.SUMMARY, None, Decimal("3728.00")),
    ]
    assert str(document.rows[1].cells["total"]) == "2250.00", "numbers keep their scale"
    assert (document.basis, document.currency, document.intuit_tid) == ("accrual", "USD", "1-5f")
    assert document.server_time == datetime(2020, 9, 29, 15, 14, 2, tzinfo=UTC)
    assert document.cells == 8 * 2


def listless(part: Any) -> Any:
    """The newer service's way: bare lists in the place of objects, and one object in the place of a list of one."""
    if isinstance(part, list):
        changed = [listless(one) for one in part]
        return changed[0] if len(changed) == 1 else changed
    if isinstance(part, dict):
        if part.keys() in ({"Row"}, {"Column"}) and isinstance(next(iter(part.values())), list):
            return [listless(one) for one in next(iter(part.values()))]
        return {key: listless(value) for key, value in part.items()}
    return part


def test_lists_and_objects_are_the_same() -> None:
    old = profit_and_loss(INCOME, NET)
    new = listless(old)
    assert isinstance(new["Rows"], list)
    assert isinstance(new["Rows"][0]["Rows"][1]["Rows"][0]["ColData"], list)
    assert decoded("ProfitAndLoss", new).rows == decoded("ProfitAndLoss", old).rows
    assert decoded("ProfitAndLoss", new).columns == decoded("ProfitAndLoss", old).columns


def test_zero_and_nothing_are_the_same() -> None:
    shown = [{**cells(("Design income", "82"), value), "type": "Data"} for value in ("0.00", "", "0")]
    rows = [decoded("ProfitAndLoss", profit_and_loss(row, NET)).rows[0] for row in shown]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize(("digits", "is_number"), [(28, True), (29, False), (2_000_000, False)])
def test_a_number_is_as_long_as_is_added_up_exactly(digits: int, is_number: bool) -> None:
    row = decoded("ProfitAndLoss", profit_and_loss(cells("x", "9" * digits), NET)).rows[0]
    assert isinstance(row.cells["total"], Decimal) is is_number


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2026-11-20", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_that_is_none_is_left_out(time: str) -> None:
    body = profit_and_loss(INCOME, NET) | {"Header": HEADER | {"Time": time}}
    assert decoded("ProfitAndLoss", body).server_time is None


def test_titles_are_never_a_key() -> None:
    """A company in French: other words everywhere, the same rows but for the labels."""
    text = json.dumps(profit_and_loss(INCOME, NET)).replace("Total Income", "Total des produits")
    text = text.replace('{"value": "Income"}', '{"value": "Produits"}').replace("Whatever", "Compte")
    french = json.loads(text)
    mine, theirs = decoded("ProfitAndLoss", french), decoded("ProfitAndLoss", profit_and_loss(INCOME, NET))
    assert mine.rows[0].label == "Produits"
    assert [row.path for row in mine.rows] == [row.path for row in theirs.rows]
    assert [column.key for column in mine.columns] == ["account", "total"]


def test_columns_of_periods_are_known_by_their_dates() -> None:
    months = [
        column("Money", "Jan 2026", StartDate="2026-01-01", EndDate="2026-01-31"),
        column("Money", "févr. 2026", StartDate="2026-02-01", EndDate="2026-02-28"),
    ]
    body = profit_and_loss(columns=[column("Account"), *months, column("Money", "total")])
    keys = [one.key for one in decoded("ProfitAndLoss", body).columns]
    assert keys == ["account", "2026-01-01..2026-01-31", "2026-02-01..2026-02-28", "total"]
    assert decoded("ProfitAndLoss", body).columns[1].starts == date(2026, 1, 1)


def test_columns_below_a_heading_are_told_apart() -> None:
    below = {
        "ColTitle": "East",
        "MetaData": [{"Name": "ColKey", "Value": "7"}],
        "Columns": {"Column": [column("Money", "now"), column("Money", "then")]},
    }
    keys = [one.key for one in decoded("ProfitAndLoss", profit_and_loss(columns=[column("Account"), below])).columns]
    assert keys == ["account", "7/now", "7/then"]


def test_columns_without_a_key_are_known_by_their_place() -> None:
    body = {"Header": HEADER, "Columns": {"Column": [column("Account"), column("Money"), column("Money")]}, "Rows": {}}
    assert [one.key for one in decoded("TrialBalance", body).columns] == ["account", "debit", "credit"]
    assert [one.key for one in decoded("ProfitAndLoss", body).columns] == ["account", "column 1", "column 2"]


def test_two_columns_of_one_key_are_two() -> None:
    body = profit_and_loss(columns=[column("Account"), column("Money", "x"), column("Money", "x")])
    assert [one.key for one in decoded("ProfitAndLoss", body).columns] == ["account", "x", "x.2"]


@pytest.mark.parametrize("rows", [{}, None, [], {"Row": []}, {"Row": None}])
def test_a_report_without_data(rows: Any) -> None:
    document = decoded("ProfitAndLoss", {"Header": HEADER, "Columns": {"Column": []}, "Rows": rows})
    assert (document.rows, document.cells) == ([], 0)


class TestLedger:
    KEYS = ("tx_date", "txn_type", "doc_num", "name", "memo", "split_acc", "subt_nat_amount", "rbal_nat_amount")

    def ledger(self, *rows: Any) -> ReportDocument:
        columns = {"Column": [column(key) for key in self.KEYS]}
        return decoded("GeneralLedger", {"Header": HEADER, "Columns": columns, "Rows": {"Row": list(rows)}})

    def section(self, head: Any, *rows: Any) -> dict[str, Any]:
        return {"Header": head, "Rows": {"Row": list(rows)}, "Summary": cells("Total"), "type": "Section"}

    def test_rows_have_their_account_from_the_head_and_their_ids_from_where_they_stand(self) -> None:
        entry = cells(
            "2026-09-29", ("Invoice", "264"), "1041", ("Amy", "1"), "", ("Services", "7"), "100.00", "5104.02"
        )
        document = self.ledger(self.section(cells(("Receivables", "84")), entry))
        row = document.rows[1]
        assert (row.account_id, row.name_id, row.transaction_id) == ("84", "1", "264")
        assert row.cells["doc_num"] == "1041", "a number that is a name stays a text"
        assert row.cells["subt_nat_amount"] == Decimal("100.00")
        assert row.ids == {"txn_type": "264", "name": "1", "split_acc": "7"}

    def test_the_balance_before_is_known_by_what_it_lacks(self) -> None:
        opening = cells("Solde d'ouverture", "", "", "", "", "", "", "976.00")
        row = self.ledger(self.section(cells(("Banque", "35")), opening)).rows[1]
        assert (row.type, row.account_id, row.cells) == (RowType.OPENING, "35", {"rbal_nat_amount": Decimal("976.00")})

    def test_of_heads_within_heads_the_innermost_id_counts(self) -> None:
        entry = cells("2026-09-29", ("Bill", "9"), "", "", "", "", "1.00", "1.00")
        inner = self.section(cells("Original Cost"), entry)
        assert self.ledger(self.section(cells(("Truck", "38")), inner)).rows[2].account_id == "38"
        inner = self.section(cells(("Original Cost", "38")), entry)
        assert self.ledger(self.section(cells(("Truck", "37")), inner)).rows[2].account_id == "38"

    def test_a_word_for_several_accounts_is_no_account(self) -> None:
        entries = [cells("2026-09-29", ("Bill", "9"), "", "", "", word, "1.00", "1.00") for word in ("-Split-", "")]
        rows = self.ledger(self.section(cells(("Bank", "35")), *entries)).rows
        assert rows[1].cells == rows[2].cells

    def test_an_empty_id_is_none(self) -> None:
        entry = cells("2026-09-29", ("Bill", "9"), "", ("", ""), "", "", "1.00", "1.00")
        assert self.ledger(self.section(cells(("Bank", "35")), entry)).rows[1].name_id is None


class TestCut:
    def test_the_notice_says_so(self) -> None:
        with pytest.raises(TooLargeError, match="more data than it displays") as caught:
            decoded("ProfitAndLoss", profit_and_loss(INCOME, {**cells(CUT), "type": "Data"}, NET))
        assert caught.value.disposition is Disposition.SHRINK
        assert "2026-01-01 2026-06-30" in str(caught.value)
        assert caught.value.cells_max == 18

    @pytest.mark.parametrize("words", [CUT.upper(), f" {CUT}", "unable to display more data"])
    def test_however_it_is_written(self, words: str) -> None:
        with pytest.raises(TooLargeError):
            decoded("ProfitAndLoss", profit_and_loss({**INCOME, "Rows": [cells(words, "")]}))

    def test_a_customers_memo_is_not_the_notice(self) -> None:
        assert decoded("ProfitAndLoss", profit_and_loss({**cells((CUT, "82"), "7.00"), "type": "Data"}, NET)).rows

    def test_a_section_without_its_total_was_cut(self) -> None:
        broken = {key: value for key, value in INCOME.items() if key != "Summary"}
        with pytest.raises(TooLargeError, match="'Income' has no total") as caught:
            decoded("ProfitAndLoss", profit_and_loss(broken))
        assert caught.value.cells_max is None, "no word says that it was for its size"

    @pytest.mark.parametrize("blank", [[], [cells("", "")]])
    def test_rows_that_nothing_sums_up_were_cut(self, blank: list[Any]) -> None:
        rows = [cells(("Checking", "35"), "5.00", ""), cells(("Sales", "79"), "", "5.00")]
        with pytest.raises(TooLargeError, match="nothing sums up its rows, of which 'Sales' is the last") as caught:
            decoded("TrialBalance", profit_and_loss(*rows, *blank))
        assert caught.value.cells_max is None, "no word says that it was for its size"

    @pytest.mark.parametrize(
        "total",
        [
            {"Summary": cells("TOTAL", "5.00", "5.00"), "group": "GrandTotal", "type": "Section"},
            {**cells("TOTAL", "5.00", "5.00"), "group": "GrandTotal"},
            {**cells("Cash at end", "5.00", "5.00"), "type": "Data", "group": "EndingCash"},
        ],
    )
    def test_rows_that_are_summed_up_are_whole(self, total: dict[str, Any]) -> None:
        row = cells(("Checking", "35"), "5.00", "5.00")
        assert len(decoded("TrialBalance", profit_and_loss(row, total)).rows) == 2
        assert decoded("TrialBalance", profit_and_loss()).rows == []

    @pytest.mark.parametrize("more", [[], [{"Summary": cells("Gross Profit", "3728.00"), "group": "GrossProfit"}]])
    def test_a_statement_without_its_result_was_cut(self, more: list[Any]) -> None:
        """Between two of its sections, each of which has its total."""
        with pytest.raises(TooLargeError, match="its total 'NetIncome' is missing") as caught:
            decoded("ProfitAndLoss", profit_and_loss(INCOME, *more))
        assert caught.value.cells_max is None, "no word says that it was for its size"

    def test_a_statement_of_a_company_in_france_has_another_result(self) -> None:
        revenue = {**INCOME, "group": "Revenue"}
        result = {"Summary": cells("Résultat", "3728.00"), "type": "Section", "group": "ProfitOrLoss"}
        assert decoded("ProfitAndLoss", profit_and_loss(revenue, result)).rows

    def test_a_list_has_no_totals_to_miss(self) -> None:
        body = {
            "Header": HEADER,
            "Columns": {"Column": [column("tx_date")]},
            "Rows": {"Row": [{"Header": cells("x"), "Rows": {}}]},
        }
        assert decoded("TransactionList", body).rows

    def test_nothing_is_believed_near_the_cap(self) -> None:
        rows = [cells("2026-01-01", "x")] * (CELLS_MAX // 2 - 100)
        body = {"Header": HEADER, "Columns": {"Column": [column("tx_date"), column("memo")]}, "Rows": {"Row": rows}}
        with pytest.raises(TooLargeError, match="Intuit cuts at 400,000"):
            decoded("TransactionList", body)
        body["Rows"] = {"Row": rows[: CELLS_MAX // 2 - 10_000]}
        assert decoded("TransactionList", body).cells == CELLS_MAX - 20_000


class TestNoReport:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{}",
            b"[]",
            b"null",
            b"7",
            b'{"Header":{}}',
            b'{"Header":{},"Rows":{"Row":[{"ColData":7}]}}',
            b'{"Header":[],"Rows":{}}',
        ],
    )
    def test_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableError):
            decoded("ProfitAndLoss", body)

    @pytest.mark.parametrize(
        ("section", "why"),
        [
            ({"group": "x" * 1_001}, "names of its sections have more than 1,000 characters"),
            ({"Header": cells(("Income", "9" * 201))}, "an Id of more than 200 characters"),
        ],
    )
    def test_what_would_stand_in_each_row_is_short(self, section: dict[str, Any], why: str) -> None:
        with pytest.raises(UnreadableError, match=why):
            decoded("ProfitAndLoss", profit_and_loss(INCOME | section))

    @pytest.mark.parametrize(
        "kind", [{"ColType": "x" * 1_001}, {"Columns": [column("Money")], **column("", "x" * 999)}]
    )
    def test_what_would_be_told_of_each_value_is_short(self, kind: dict[str, Any]) -> None:
        with pytest.raises(UnreadableError, match="names of its columns have more than 1,000 characters"):
            decoded("ProfitAndLoss", profit_and_loss(INCOME, columns=[kind]))

    def test_sections_have_few_sections_within(self) -> None:
        def nested(depth: int) -> dict[str, Any]:
            return {"Rows": {"Row": [nested(depth - 1)]}, "Summary": {}} if depth else cells("Cash", "1")

        assert decoded("BalanceSheet", profit_and_loss(nested(50))).rows[0].depth == 50
        with pytest.raises(UnreadableError, match="nested more than 50 deep"):
            decoded("BalanceSheet", profit_and_loss(nested(51)))

    def test_a_fault_inside_a_200_is_the_fault(self) -> None:
        body = b'{"Fault":{"Error":[{"Message":"No","Detail":"Denied","code":"5020"}],"type":"ValidationFault"}}'
        with pytest.raises(FaultError, match="5020"):
            decoded("ProfitAndLoss", body)

    def test_a_gateways_time_out_asks_for_less(self) -> None:
        xml = (
            b'<IntuitResponse><Fault type="SERVICE"><Error code="6002"><Message>'
            b"message=GatewayTimeout; errorCode=006002; statusCode=504</Message></Error></Fault></IntuitResponse>"
        )
        with pytest.raises(FaultError) as caught:
            check(Response(status=504, body=xml), asked("GeneralLedger"))
        assert caught.value.disposition is Disposition.SHRINK

    def test_half_a_character_in_a_memo_costs_no_report(self) -> None:
        body = json.dumps(profit_and_loss(INCOME, NET)).replace("Design income", "Design \\ud800").encode()
        document = decoded("ProfitAndLoss", body)
        assert document.rows[1].account_id == "82"
        assert document.body == body, "what is kept is what came"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.text() | st.integers(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["Header", "Columns", "Rows", "Row", "ColData", "Summary", "value", "id", "group"]),
                    inner,
                )
            ),
            max_leaves=30,
        )
    )
    def test_whatever_comes_is_a_report_or_an_error_of_ours(self, tree: Any) -> None:
        for body in (json.dumps(tree).encode(), json.dumps({"Header": {}, "Rows": tree}).encode()):
            try:
                decoded("GeneralLedger", body)
            except RequestError as error:
                assert error.realm_id  # noqa: PT017  # either is right

    def test_brackets_without_end_are_unreadable(self) -> None:
        deep = b'{"Header":{},"Rows":' + b'{"Row":[{"Rows":' * 5000 + b"null" + b"}]}" * 5000 + b"}"
        with pytest.raises(UnreadableError):
            decoded("ProfitAndLoss", deep)
