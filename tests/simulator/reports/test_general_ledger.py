"""The general ledger: what it begins with, subaccounts, running balances, columns, sorting, filters."""

from __future__ import annotations

import pytest

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
FEBRUARY = {"start_date": "2026-02-01", "end_date": "2026-02-28"}


def section(report, account) -> dict:
    """The section whose header has the account's Id."""
    (found,) = (
        node for node in report.walk() if node.get("Header", {}).get("ColData", [{}])[0].get("id") == account["value"]
    )
    return found


def rows(node) -> list[list[str]]:
    return [[cell["value"] for cell in row["ColData"]] for row in node["Rows"]["Row"] if "ColData" in row]


def test_an_account_begins_with_what_was_there_and_runs_on(desk) -> None:
    desk.journal("2025-06-01", (desk.bank, 100), (desk.income, -100))
    desk.journal("2026-01-05", (desk.bank, 30), (desk.income, -30))
    invoice = desk.invoice("2026-02-10", 40, DocNumber="77", PrivateNote="thanks")
    desk.paid("2026-02-11", 40, ("Invoice", invoice, 40))
    report = desk.ask("GeneralLedger", **FEBRUARY)
    assert [row[0] for row in rows(section(report, desk.bank))] == ["Beginning Balance", "2026-02-11"]
    assert [row[-1] for row in rows(section(report, desk.bank))] == ["130.00", "170.00"]
    assert rows(section(report, desk.retained)) == [["Beginning Balance", *[""] * 6, "100.00"]]
    # Income begins with what the fiscal year brought so far; what it brought in years before is retained.
    assert [row[-1] for row in rows(section(report, desk.income))] == ["30.00", "70.00"]
    owed = section(report, desk.receivable)
    assert rows(owed) == [
        ["2026-02-10", "Invoice", "77", "Amy", "thanks", "Services", "40.00", "40.00"],
        ["2026-02-11", "Payment", "", "Amy", "", "Checking", "-40.00", "0.00"],
    ]
    assert owed["Rows"]["Row"][0]["ColData"][1]["id"] == invoice["value"]
    assert owed["Rows"]["Row"][0]["ColData"][5]["id"] == desk.income["value"]
    assert [cell["value"] for cell in owed["Summary"]["ColData"]][-2:] == ["0.00", ""]


def test_an_account_without_a_balance_or_a_posting_is_not_there(desk) -> None:
    desk.journal("2026-01-05", (desk.bank, 30), (desk.income, -30))
    report = desk.ask("GeneralLedger", **JANUARY)
    assert [path[0] for path, _ in report.entries()] == [desk.bank["value"], desk.income["value"]]


def test_what_is_below_an_account_is_in_its_section_and_in_its_total(desk) -> None:
    auto = desk.account("Auto", "Expense", "Auto")
    fuel = desk.account("Fuel", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Fuel")
    tolls = desk.account("Tolls", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Tolls")
    desk.journal("2026-01-05", (auto, 5), (fuel, 7), (tolls, 1), (desk.bank, -13))
    report = desk.ask("GeneralLedger", **JANUARY)
    upper = section(report, auto)
    inner = [node["Header"]["ColData"][0] for node in upper["Rows"]["Row"] if "Header" in node]
    assert inner == [{"value": "Fuel", "id": fuel["value"]}, {"value": "Tolls", "id": tolls["value"]}]
    assert upper["Summary"]["ColData"][6]["value"] == "13.00"
    report.check_sums(but=("rbal_nat_amount",))


@pytest.mark.parametrize("setting", ["recorded", "own"])
def test_the_id_of_the_only_account_below_an_empty_one(desk_of, setting: str) -> None:
    desk = desk_of(lone_subaccount=setting)
    auto = desk.account("Auto", "Expense", "Auto")
    fuel = desk.account("Fuel", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Fuel")
    desk.journal("2026-01-05", (fuel, 7), (desk.bank, -7))
    upper = desk.ask("GeneralLedger", **JANUARY).rows[-1]
    heads = [node["Header"]["ColData"][0] for node in (upper, upper["Rows"]["Row"][0])]
    if setting == "recorded":
        assert heads == [{"value": "Auto", "id": fuel["value"]}, {"value": "Fuel"}]
    else:
        assert heads == [{"value": "Auto", "id": auto["value"]}, {"value": "Fuel", "id": fuel["value"]}]


def test_columns_that_are_asked_for_and_one_that_is_none(desk) -> None:
    desk.bill("2026-01-05", 12, DocNumber="B-1")
    report = desk.ask("GeneralLedger", **JANUARY, columns="doc_num,nonsense,account_num,debt_amt,credit_amt")
    assert [column["ColType"] for column in report.columns] == [
        "doc_num", "nonsense", "account_num", "debt_amt", "credit_amt",
    ]  # fmt: skip
    assert report.values() == [["B-1", "", "", "", "12.00"], ["B-1", "", "", "12.00", ""]]


def test_a_number_of_an_account_comes_with_its_name_alone(desk) -> None:
    till = desk.account("Till", "Bank", "CashOnHand", AcctNum="1050")
    desk.journal("2026-01-05", (till, 9), (desk.income, -9))
    alone = desk.ask("GeneralLedger", **JANUARY, columns="account_num", account=till["value"])
    both = desk.ask("GeneralLedger", **JANUARY, columns="account_num,account_name", account=till["value"])
    assert (alone.values(), both.values()) == ([[""]], [["1050", "Till"]])


def test_several_accounts_on_the_other_side_are_a_split(desk) -> None:
    desk.invoice("2026-01-05", 100, tax=8)
    old = desk.ask("GeneralLedger", **JANUARY)
    place = old.column("split_acc")
    split = {path[0]: cells[place] for path, cells in old.entries()}
    assert split[desk.receivable["value"]] == {"value": "-Split-"}
    assert split[desk.tax["value"]] == {"value": "Accounts Receivable (A/R)", "id": desk.receivable["value"]}
    modern = desk.ask("GeneralLedger", **JANUARY, testing_migration="true")
    assert "" in {cells[place]["value"] for _, cells in modern.entries()}


def test_rows_are_sorted_as_asked_and_balances_follow(desk) -> None:
    for day, amount in (("2026-01-03", 5), ("2026-01-04", 9), ("2026-01-05", 7)):
        desk.journal(day, (desk.bank, amount), (desk.income, -amount))
    asked = {**JANUARY, "account": desk.bank["value"], "sort_by": "subt_nat_amount"}
    up, down = desk.ask("GeneralLedger", **asked), desk.ask("GeneralLedger", **asked, sort_order="descend")
    assert [row[-2:] for row in up.values()] == [["5.00", "5.00"], ["7.00", "12.00"], ["9.00", "21.00"]]
    assert [row[-2:] for row in down.values()] == [["9.00", "9.00"], ["7.00", "16.00"], ["5.00", "21.00"]]


def test_a_filter_is_for_what_was_before_as_well(desk) -> None:
    bob = desk.made("Customer", {"DisplayName": "Bob", "Balance": 0, "BalanceWithJobs": 0})
    desk.invoice("2026-01-05", 10)
    desk.invoice("2026-01-06", 20, CustomerRef=bob)
    desk.invoice("2026-02-07", 30, CustomerRef=bob)
    report = desk.ask("GeneralLedger", **FEBRUARY, customer=bob["value"])
    assert [row[-1] for row in rows(section(report, desk.receivable))] == ["20.00", "50.00"]
    assert report.header["Customer"] == bob["value"]


def test_drill_down_links_are_there_where_asked_for_and_not_in_the_modern_service(desk) -> None:
    desk.invoice("2026-01-05", 10)
    asked = {**JANUARY, "qzurl": "true"}
    links = [cells[1].get("href") for _, cells in desk.ask("GeneralLedger", **asked).entries()]
    assert all(link and "txnId=" in link for link in links)
    plain = desk.ask("GeneralLedger", **JANUARY), desk.ask("GeneralLedger", **asked, testing_migration="1")
    assert not any("href" in cells[1] for report in plain for _, cells in report.entries())


def test_a_company_of_several_currencies_reports_in_its_own(desk_of) -> None:
    desk = desk_of(several=True)
    desk.invoice("2026-01-05", 100, ExchangeRate=2, CurrencyRef={"value": "EUR"})
    report = desk.ask("GeneralLedger", **JANUARY)
    assert [column["ColType"] for column in report.columns][-2:] == ["subt_nat_home_amount", "rbal_nat_home_amount"]
    assert [row[-2:] for row in report.values()] == [["200.00", "200.00"]] * 2
    foreign = desk.ask("GeneralLedger", **JANUARY, columns="currency,exch_rate,nat_foreign_amount")
    assert foreign.values() == [["EUR", "2", "100.00"]] * 2


def test_the_french_ledger_has_debit_and_credit(desk_of) -> None:
    desk = desk_of("FR")
    desk.journal("2026-01-05", (desk.bank, 30), (desk.income, -30))
    report = desk.ask("GeneralLedgerFR", **JANUARY)
    assert [row[-3:] for row in report.values()] == [["30.00", "", "30.00"], ["", "30.00", "30.00"]]
    assert desk_of().code("GeneralLedgerFR") == "5020"


def test_transactions_by_account_are_those_of_the_span_alone(desk) -> None:
    desk.journal("2025-06-01", (desk.bank, 100), (desk.income, -100))
    desk.journal("2026-01-05", (desk.bank, 30), (desk.income, -30))
    report = desk.ask("TransactionDetailByAccount", **JANUARY)
    assert [[row[0], *row[-2:]] for row in rows(section(report, desk.bank))] == [["2026-01-05", "30.00", "30.00"]]
    assert [row[-1] for row in rows(section(report, desk.income))] == ["30.00"], "nothing was there before"
    flat = desk.ask("TransactionDetailByAccount", groupby="none", columns="account_name,subt_nat_amount", **JANUARY)
    assert [[cell["value"] for cell in row["ColData"]] for row in flat.rows] == [
        ["Checking", "30.00"],
        ["Services", "30.00"],
    ]


def test_all_that_posts_is_a_type_of_transaction_too(desk) -> None:
    desk.journal("2026-01-05", (desk.bank, 30), (desk.income, -30))
    whole = desk.ask("TransactionDetailByAccount", **JANUARY)
    assert desk.ask("TransactionDetailByAccount", transaction_type="post", **JANUARY).rows == whole.rows
    assert not desk.ask("TransactionDetailByAccount", transaction_type="Invoice", **JANUARY).rows
