"""The cash basis, on books small enough to be kept by hand: every expected amount is written out."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from backfill.simulator.books.opening import ledger_of
from backfill.simulator.people import People
from backfill.simulator.reports.cash import CashBook
from backfill.simulator.reports.chart import Chart
from backfill.simulator.reports.papers import Papers
from backfill.simulator.reports.shelf import Shelf

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
FEBRUARY = {"start_date": "2026-02-01", "end_date": "2026-02-28"}
MARCH = {"start_date": "2026-03-01", "end_date": "2026-03-31"}


def earned(desk, basis: str, **span: str) -> Decimal:
    return desk.ask("ProfitAndLoss", accounting_method=basis, **span).group("NetIncome")[0]


def balances(desk, basis: str, end: str) -> dict[str, Decimal]:
    """Account's Id to its balance in the balance sheet."""
    report = desk.ask("BalanceSheet", accounting_method=basis, start_date="2026-01-01", end_date=end)
    return {key: amounts[0] for key, amounts in report.by_id().items()}


def test_an_invoice_counts_when_it_is_paid(desk) -> None:
    invoice = desk.invoice("2026-01-10", 100)
    assert (earned(desk, "Accrual", **JANUARY), earned(desk, "Cash", **JANUARY)) == (100, 0)
    desk.paid("2026-02-05", 100, ("Invoice", invoice, 100))
    assert (earned(desk, "Accrual", **FEBRUARY), earned(desk, "Cash", **FEBRUARY)) == (0, 100)
    assert earned(desk, "Cash", **JANUARY) == 0


def test_what_is_paid_in_parts_counts_in_parts_and_wholly_in_the_end(desk) -> None:
    invoice = desk.invoice("2026-01-10", 100)
    for day, amount in (("2026-01-20", Decimal("33.33")), ("2026-02-20", Decimal("33.33")), ("2026-03-20", "33.34")):
        desk.paid(day, Decimal(amount), ("Invoice", invoice, Decimal(amount)))
    parts = [earned(desk, "Cash", **span) for span in (JANUARY, FEBRUARY, MARCH)]
    assert parts == [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")]


def test_tax_stays_on_the_invoice_s_day_against_the_receivable(desk) -> None:
    invoice = desk.invoice("2026-01-10", 100, tax=8)
    assert balances(desk, "Cash", "2026-01-31") == {desk.receivable["value"]: 8, desk.tax["value"]: 8}
    desk.paid("2026-02-05", 54, ("Invoice", invoice, 54))  # half of it
    assert earned(desk, "Cash", **FEBRUARY) == 50
    assert balances(desk, "Cash", "2026-02-28") == {
        desk.bank["value"]: 54,
        desk.receivable["value"]: 4,
        desk.tax["value"]: 8,
    }
    desk.paid("2026-03-05", 54, ("Invoice", invoice, 54))
    assert balances(desk, "Cash", "2026-03-31") == balances(desk, "Accrual", "2026-03-31")
    assert balances(desk, "Cash", "2026-03-31") == {desk.bank["value"]: 108, desk.tax["value"]: 8}


def test_a_bill_counts_when_it_is_paid_and_what_it_buys_for_the_balance_sheet_at_once(desk) -> None:
    truck = desk.account("Truck", "Fixed Asset", "Vehicles")
    rent, bought = desk.bill("2026-01-03", 70), desk.bill("2026-01-04", 500, account=truck)
    assert earned(desk, "Cash", **JANUARY) == 0
    assert balances(desk, "Cash", "2026-01-31") == {truck["value"]: 500, desk.payable["value"]: 500}
    desk.paid_bill("2026-02-04", 570, ("Bill", rent, 70), ("Bill", bought, 500))
    assert earned(desk, "Cash", **FEBRUARY) == -70
    assert balances(desk, "Cash", "2026-02-28") == {truck["value"]: 500, desk.bank["value"]: -570}


def test_a_payment_of_nothing_yet_is_income_of_its_own_until_it_settles(desk) -> None:
    payment = desk.paid("2026-01-20", 100)
    report = desk.ask("ProfitAndLoss", accounting_method="Cash", **JANUARY)
    assert report.group("Income") == [100]
    assert [row[0] for row in report.values()] == ["Unapplied Cash Payment Income"]
    invoice = desk.invoice("2026-02-10", 100)
    line = {"Amount": 100, "LinkedTxn": [{"TxnType": "Invoice", "TxnId": invoice["value"]}]}
    desk.changed("Payment", payment, Line=[line])
    assert earned(desk, "Cash", **JANUARY) == 100, "January does not change by what is applied later"
    report = desk.ask("ProfitAndLoss", accounting_method="Cash", **FEBRUARY)
    assert report.values() == [["Services", "100.00"], ["Unapplied Cash Payment Income", "-100.00"]]
    assert report.group("NetIncome") == [0]


def test_a_credit_against_an_invoice_counts_with_it(desk) -> None:
    invoice = desk.invoice("2026-01-10", 100)
    line = {"Amount": 30, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": desk.hours, "Qty": 1}}
    memo = desk.made("CreditMemo", {"CustomerRef": desk.amy, "TxnDate": "2026-01-15", "TotalAmt": 30, "Line": [line]})
    assert earned(desk, "Accrual", **JANUARY) == 70
    assert earned(desk, "Cash", **JANUARY) == 0
    desk.paid("2026-02-05", 70, ("Invoice", invoice, 100), ("CreditMemo", memo, 30))
    assert earned(desk, "Cash", **FEBRUARY) == 70
    assert balances(desk, "Cash", "2026-02-28") == {desk.bank["value"]: 70}


def test_what_is_paid_down_counts_on_the_invoice_s_own_day(desk) -> None:
    desk.invoice("2026-01-10", 100, Deposit=40, DepositToAccountRef=desk.bank)
    assert earned(desk, "Cash", **JANUARY) == 40
    assert balances(desk, "Cash", "2026-01-31") == {desk.bank["value"]: 40}


def test_what_is_paid_at_once_and_journals_are_the_same_on_both_bases(desk) -> None:
    kind = "AccountBasedExpenseLineDetail"
    line = {"Amount": 20, "DetailType": kind, kind: {"AccountRef": desk.rent}}
    bought = {"TxnDate": "2026-01-05", "TotalAmt": 20, "AccountRef": desk.bank, "PaymentType": "Cash", "Line": [line]}
    desk.made("Purchase", bought)
    desk.journal("2026-01-06", (desk.receivable, 15), (desk.income, -15))
    assert earned(desk, "Cash", **JANUARY) == earned(desk, "Accrual", **JANUARY) == -5
    assert balances(desk, "Cash", "2026-01-31") == balances(desk, "Accrual", "2026-01-31")


@pytest.mark.parametrize("basis", ["Accrual", "Cash"])
def test_the_cost_of_what_is_sold_counts_when_it_leaves_the_stock(desk, basis: str) -> None:
    asset = desk.account("Inventory Asset", "Other Current Asset", "Inventory")
    cost = desk.account("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs")
    pump = {"Name": "Pump", "Type": "Inventory", "IncomeAccountRef": desk.income, "ExpenseAccountRef": cost}
    pump |= {"AssetAccountRef": asset, "QtyOnHand": 5, "InvStartDate": "2025-12-01", "PurchaseCost": 10}
    desk.invoice("2026-01-10", 25, item=desk.made("Item", pump))
    report = desk.ask("ProfitAndLoss", accounting_method=basis, **JANUARY)
    assert report.group("COGS") == [10]
    assert report.group("Income") == [25 if basis == "Accrual" else 0]


def test_at_another_rate_the_gain_counts_when_it_is_paid(desk_of) -> None:
    desk = desk_of(several=True)
    desk.account("Exchange Gain or Loss", "Other Expense", "ExchangeGainOrLoss")
    euros = {"CurrencyRef": {"value": "EUR"}}
    invoice = desk.invoice("2026-01-10", 100, ExchangeRate=Decimal("1.10"), **euros)
    assert earned(desk, "Accrual", **JANUARY) == 110
    desk.paid("2026-02-05", 100, ("Invoice", invoice, 100), ExchangeRate=Decimal("1.20"), **euros)
    report = desk.ask("ProfitAndLoss", accounting_method="Cash", **FEBRUARY)
    assert report.group("Income") == [110]
    assert report.group("OtherExpenses") == [-10]
    assert report.group("NetIncome") == [120]


def test_the_cash_book_follows_a_change(desk) -> None:
    invoice = desk.invoice("2026-01-10", 100)
    payment = desk.paid("2026-01-12", 100, ("Invoice", invoice, 100))
    assert earned(desk, "Cash", **JANUARY) == 100
    desk.changed("Payment", payment, TxnDate="2026-02-12")
    assert (earned(desk, "Cash", **JANUARY), earned(desk, "Cash", **FEBRUARY)) == (0, 100)


def test_a_payment_follows_the_day_of_what_it_settles(desk) -> None:
    invoice = desk.invoice("2026-02-10", 100)
    desk.paid("2026-01-20", 100, ("Invoice", invoice, 100))
    report = desk.ask("ProfitAndLoss", accounting_method="Cash", **JANUARY)
    assert report.values() == [["Unapplied Cash Payment Income", "100.00"]]
    desk.changed("Invoice", invoice, TxnDate="2026-01-05")
    report = desk.ask("ProfitAndLoss", accounting_method="Cash", **JANUARY)
    assert report.values() == [["Services", "100.00"]]


@pytest.mark.parametrize("number", range(4))
def test_a_cash_book_that_follows_is_the_same_as_one_made_anew(reporter_of, number: int) -> None:
    company = reporter_of(number).company
    people = People(company, Random(number), changes_per_minute=60)
    shelf = Shelf(company)
    for _ in range(12):
        people.act(3 + 4 * number)
        daybook, chart = ledger_of(company).daybook(), Chart(company)
        followed, fresh = shelf.cash_book(daybook, chart), CashBook(daybook)
        fresh.follow(chart, Papers(company))
        assert list(followed.postings()) == list(fresh.postings())
        assert sum(followed.balances().values()) == 0
