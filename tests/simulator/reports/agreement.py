"""Whether a company's reports agree with one another, and with its ledger, to the cent."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from backfill.simulator.documents import cents, decode

DEBIT_KINDS = {
    "Bank", "Accounts Receivable", "Other Current Asset", "Fixed Asset", "Other Asset", "Cost of Goods Sold",
    "Expense", "Other Expense",
}  # fmt: skip


def check(reporter, *, end: str = "2026-11-20", basis: str = "Accrual", exact_parties: bool = True) -> None:
    """Every identity that holds between reports of the fiscal year until `end`."""
    year = {"start_date": f"{end[:4]}-01-01", "end_date": end, "accounting_method": basis}
    result = reporter.ask("ProfitAndLoss", **year)
    result.check_sums()
    earned = result.group("NetIncome")[0]
    _check_sheet(reporter, year, earned)
    _check_ledger(reporter, year)
    _check_other_views(reporter, year, earned)
    if basis == "Accrual":
        _check_parties(reporter, year, exact=exact_parties)


def _check_sheet(reporter, year: dict[str, str], earned: Decimal) -> None:
    sheet = reporter.ask("BalanceSheet", **year)
    sheet.check_sums()
    assert sheet.group("NetIncome") == [earned]
    assets = sheet.group("TotalAssets") if sheet.has_group("TotalAssets") else [0]
    assert assets == sheet.group("TotalLiabilitiesAndEquity")
    flow = reporter.ask("CashFlow", **year)
    flow.check_sums()
    assert flow.group("NetIncome") == [earned]
    (opening,), (change,), (closing,) = (flow.group(name) for name in ("BeginningCash", "CashIncrease", "EndingCash"))
    assert opening + change == closing
    activities = ("OperatingActivities", "InvestingActivities", "FinancingActivities")
    assert sum(flow.group(name)[0] for name in activities if flow.has_group(name)) == change
    cash = {row.id for row in reporter.company.table("Account").all() if _is_cash(decode(row.doc))}
    assert sum(amounts[0] for key, amounts in sheet.by_id().items() if key in cash) == closing


def _is_cash(doc: dict) -> bool:
    return doc["AccountType"] == "Bank" or doc["AccountSubType"] == "UndepositedFunds"


def _check_ledger(reporter, year: dict[str, str]) -> None:
    """The general ledger's accounts come to the trial balance, and its postings to the journal's."""
    trial = reporter.ask("TrialBalance", **year)
    if trial.has_data:
        debit, credit = trial.group("GrandTotal")
        assert debit == credit == sum(sides[0] for sides in trial.by_id().values()) + _nameless(trial)
    ledger = reporter.ask("GeneralLedger", **year, columns="tx_date,account_name,debt_amt,credit_amt,subt_nat_amount")
    ledger.check_sums()
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for _, cells in ledger.entries():
        if cells[1]["value"]:
            moved[cells[1].get("id", "")] += Decimal(cells[2]["value"] or 0) - Decimal(cells[3]["value"] or 0)
    assert sum(moved.values()) == 0
    _check_closing(reporter, year, trial)
    journal = reporter.ask("JournalReport", **year, columns="account_name,debt_amt,credit_amt")
    posted: dict[str, Decimal] = defaultdict(Decimal)
    for _, (account, left, right) in journal.entries():
        posted[account.get("id", "")] += Decimal(left["value"] or 0) - Decimal(right["value"] or 0)
    assert {key: cents for key, cents in posted.items() if cents} == {key: c for key, c in moved.items() if c}
    if journal.has_data:
        journal.check_sums()
    if year["accounting_method"] == "Accrual":
        _check_postings(reporter, year, moved)


def _nameless(trial) -> Decimal:
    return sum(
        (Decimal(cells[1]["value"] or 0) for _, cells in trial.entries() if "id" not in cells[0]), start=Decimal(0)
    )


def _check_closing(reporter, year: dict[str, str], trial) -> None:
    """Account by account: the last balance of the ledger is that of the trial balance."""
    plain = reporter.ask("GeneralLedger", **year)
    kinds = {row.id: decode(row.doc)["AccountType"] for row in reporter.company.table("Account").all()}
    closing: dict[str, Decimal] = {}
    balance = plain.column(
        "rbal_nat_home_amount" if reporter.company.multicurrency else "rbal_nat_amount",
    )
    for path, cells in plain.entries():
        closing[path[-1]] = Decimal(cells[balance]["value"])
    sides = {key: row[0] - row[1] for key, row in trial.by_id().items()}
    # An account that is the only one below an empty one is known by the other's Id, as recorded: see by names there.
    for key in closing.keys() & sides.keys():
        assert closing[key] == (sides[key] if kinds[key] in DEBIT_KINDS else -sides[key]), key


def _check_postings(reporter, year: dict[str, str], moved: dict[str, Decimal]) -> None:
    """The ledger's own postings, added up here."""
    sums: dict[str, int] = defaultdict(int)
    for posted in reporter.company.ledger.daybook().postings(start=year["start_date"], end=year["end_date"]):
        sums[posted.posting.account] += posted.posting.cents
    assert {key: Decimal(c) / 100 for key, c in sums.items() if c} == {key: c for key, c in moved.items() if c}


def _check_other_views(reporter, year: dict[str, str], earned: Decimal) -> None:
    detail = reporter.ask("ProfitAndLossDetail", **year)
    balance = "rbal_nat_home_amount" if reporter.company.multicurrency else "rbal_nat_amount"
    detail.check_sums(but=(balance,))
    amount = "subt_nat_home_amount" if reporter.company.multicurrency else "subt_nat_amount"
    if detail.has_data:
        assert detail.group("NetIncome")[detail.column(amount) - 1] == earned
    customers = reporter.ask("CustomerIncome", **year)
    customers.check_sums()
    assert (customers.group("GrandTotal")[2] if customers.has_data else 0) == earned
    spent = reporter.ask("VendorExpenses", **year)
    wanted = sum(
        reporter_group[0]
        for name in ("COGS", "Expenses", "OtherExpenses")
        if (result := reporter.ask("ProfitAndLoss", **year)).has_group(name) and (reporter_group := result.group(name))
    )
    assert (spent.group("GrandTotal")[0] if spent.has_data else 0) == wanted
    by_class, by_item = reporter.ask("ClassSales", **year), reporter.ask("ItemSales", **year)
    if by_class.has_data and by_item.has_data:
        assert by_class.group("GrandTotal")[0] == by_item.group("GrandTotal")[1]
    months = reporter.ask("ProfitAndLoss", **year, summarize_column_by="Month")
    months.check_sums()
    for amounts in months.by_id().values():
        assert sum(amounts[:-1]) == amounts[-1]
    assert months.group("NetIncome")[-1] == earned


def _check_parties(reporter, year: dict[str, str], *, exact: bool) -> None:
    """What is open by customer and vendor is the receivable and the payable, and each one's own balance."""
    sheet = reporter.ask("BalanceSheet", **year)
    at = {"report_date": year["end_date"]}
    for group, kind, aged, details, balance, full in (
        ("AR", "Customer", "AgedReceivables", "AgedReceivableDetail", "CustomerBalance", "CustomerBalanceDetail"),
        ("AP", "Vendor", "AgedPayables", "AgedPayableDetail", "VendorBalance", "VendorBalanceDetail"),
    ):
        owed = sheet.group(group)[0] if sheet.has_group(group) else Decimal(0)
        aging = reporter.ask(aged, **at)
        aging.check_sums()
        shown = aging.group("GrandTotal") if aging.has_data else [Decimal(0)]
        assert shown[-1] == owed == sum(shown[:-1])
        balances = reporter.ask(balance, **at)
        assert (balances.group("GrandTotal") if balances.has_data else [Decimal(0)]) == [owed]
        for name in (details, full):
            report = reporter.ask(name, **at)
            if report.has_data:
                place = _open_column(report)
                assert sum(Decimal(row[place] or 0) for row in report.values()) == owed, name
        if exact:
            _check_balances(reporter, kind, balances)


def _open_column(report) -> int:
    (place,) = (
        place
        for place, column in enumerate(report.columns)
        if "subt" in column["ColType"] and "open" in column["ColType"]
    )
    return place


def _check_balances(reporter, kind: str, balances) -> None:
    own = balances.by_id()
    for row in reporter.company.table(kind).all():
        balance = Decimal(cents(decode(row.doc).get("Balance") or 0)) / 100
        assert own.get(row.id, [Decimal(0)])[0] == balance, f"{kind} {row.id}"
