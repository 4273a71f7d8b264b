"""Documents between accounts, of stock, time and tax, and those that only describe others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from backfill.simulator.documents import Doc, money
from backfill.simulator.seed.books import Books, later
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.sales import OpenItem, invoice
from backfill.simulator.seed.words import DESCRIPTIONS, NOTES

_FILES = (("scan", "application/pdf"), ("reçu n° 5", "image/png"), ('it\'s "final"', "text/csv"))


def _home(books: Books) -> Doc:
    doc: Doc = {"CurrencyRef": books.profile.home.reference}
    return doc | {"ExchangeRate": 1} if books.profile.multicurrency else doc


def journal_entry(books: Books, rng: Random, day: str) -> Doc:
    """Debits and credits that balance; never of the receivable or payable accounts, which would need a name."""
    parts = [between(rng, 100, 90_000) for _ in range(between(rng, 1, 3))]
    postings = [("Debit", part, "Expense") for part in parts] + [("Credit", sum(parts), "Bank")]
    lines = []
    for number, (posting, amount, kind) in enumerate(postings):
        detail: Doc = {"PostingType": posting, "AccountRef": books.account(rng, kind)}
        code = books.name(rng, "JournalCode")
        if code:
            detail["JournalCodeRef"] = code
        lines.append(
            {
                "Id": str(number),
                "Description": pick(rng, DESCRIPTIONS),
                "Amount": money(amount),
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": detail,
            }
        )
    doc = {"DocNumber": books.number("JournalEntry"), "TxnDate": day, "Line": lines, "TotalAmt": money(sum(parts))}
    return doc | {"Adjustment": chance(rng, 0.1), "PrivateNote": pick(rng, NOTES)} | _home(books)


def deposit(books: Books, rng: Random, day: str, received: Sequence[OpenItem]) -> Doc:
    """A Deposit of payments from Undeposited Funds, or (of none) of money from elsewhere."""
    lines: list[Doc] = [
        {
            "Amount": money(item.open),
            "LinkedTxn": [{"TxnId": item.id, "TxnType": item.kind, "TxnLineId": "0"}],
        }
        for item in received
    ]
    total = sum(item.open for item in received)
    if not received:
        total = between(rng, 1_000, 900_000)
        detail = {
            "AccountRef": books.account(rng, "Income"),
            "PaymentMethodRef": books.name(rng, "PaymentMethod"),
            "CheckNum": str(between(rng, 100, 9999)),
        }
        lines = [{"Id": "1", "LineNum": 1, "Amount": money(total), "DetailType": "DepositLineDetail"}]
        lines[0]["DepositLineDetail"] = detail
    into = books.account(rng, "Bank")
    return {"TxnDate": day, "DepositToAccountRef": into, "TotalAmt": money(total), "Line": lines} | _home(books)


def transfer(books: Books, rng: Random, day: str) -> Doc:
    banks = books.accounts["Bank"]
    return {
        "TxnDate": day,
        "Amount": money(between(rng, 1_000, 2_000_000)),
        "FromAccountRef": banks[0],
        "ToAccountRef": banks[-1],
        "PrivateNote": pick(rng, NOTES),
    } | _home(books)


def time_activity(books: Books, rng: Random, day: str) -> Doc:
    services = [product for product in books.products if product.kind == "Service"] or books.products
    doc: Doc = {
        "TxnDate": day,
        "NameOf": "Employee",
        "EmployeeRef": pick(rng, books.employees).reference,
        "CustomerRef": pick(rng, books.customers).reference,
        "ItemRef": pick(rng, services).reference,
        "BillableStatus": pick(rng, ("NotBillable", "Billable")),
        "Taxable": False,
        "HourlyRate": money(between(rng, 20, 150) * 100),
        "CostRate": 0,
        "Hours": between(rng, 0, 10),
        "Minutes": pick(rng, (0, 15, 30, 45)),
        "Description": pick(rng, DESCRIPTIONS),
    }
    klass = books.name(rng, "Class")
    return doc | {"ClassRef": klass} if klass else doc


def inventory_adjustment(books: Books, rng: Random, day: str) -> Doc:
    stocked = [product for product in books.products if product.kind == "Inventory"] or books.products
    line = {
        "Id": "1",
        "LineNum": 1,
        "DetailType": "ItemAdjustmentLineDetail",
        "ItemAdjustmentLineDetail": {"ItemRef": pick(rng, stocked).reference, "QtyDiff": between(rng, -20, 20)},
    }
    return {
        "DocNumber": books.number("InventoryAdjustment"),
        "TxnDate": day,
        "AdjustAccountRef": pick(rng, books.accounts["Cost of Goods Sold"]),
        "Line": [line],
        "PrivateNote": pick(rng, NOTES),
    }


def reimburse_charge(books: Books, rng: Random, day: str, source: Sequence[OpenItem]) -> Doc:
    """What a customer is to pay back of the purchases in `source`; QuickBooks makes these by itself."""
    amount = sum(item.open for item in source) or between(rng, 500, 50_000)
    line = {
        "Id": "1",
        "LineNum": 1,
        "Amount": money(amount),
        "DetailType": "ReimburseLineDetail",
        "ReimburseLineDetail": {"ItemAccountRef": books.account(rng, "Income")},
    }
    return {
        "TxnDate": day,
        "CustomerRef": pick(rng, books.customers).reference,
        "Amount": money(amount),
        "HasBeenInvoiced": False,
        "LinkedTxn": [{"TxnId": item.id, "TxnType": item.kind} for item in source],
        "Line": [line],
    } | _home(books)


def tax_payment(books: Books, rng: Random, day: str) -> Doc:
    return {
        "PaymentDate": day,
        "PaymentAccountRef": books.account(rng, "Bank"),
        "PaymentAmount": money(between(rng, 1_000, 500_000)),
        "Refund": chance(rng, 0.1),
        "Description": pick(rng, DESCRIPTIONS),
    }


def recurring_transaction(books: Books, rng: Random, day: str) -> Doc:
    """A template that QuickBooks enters again and again: wrapped in the name of what it makes."""
    inner = invoice(books, rng, day)
    for attribute in ("DocNumber", "DueDate", "LinkedTxn"):
        del inner[attribute]
    info = {
        "Name": f"Monthly № {books.number('RecurringTransaction')}",
        "RecurType": pick(rng, ("Automated", "Reminded", "UnScheduled")),
        "Active": True,
        "ScheduleInfo": {
            "StartDate": day,
            "NextDate": later(day, 30),
            "IntervalType": "Monthly",
            "NumInterval": 1,
            "DayOfMonth": 1,
        },
    }
    return {"Invoice": inner | {"RecurringInfo": info}}


def attachable(books: Books, rng: Random, _day: str) -> Doc:
    """A file or note, with the documents it belongs to; the download link expires after a quarter of an hour."""
    stem, kind = pick(rng, _FILES)
    name = f"{stem} {between(rng, 1, 9999)}.{kind.rpartition('/')[2]}"
    doc: Doc = {
        "FileName": name,
        "FileAccessUri": f"/v3/company/{books.profile.realm_id}/download/{between(rng, 1, 10**9)}",
        "TempDownloadUri": f"https://files.example.com/{between(rng, 1, 10**9)}?signature={between(rng, 1, 10**9)}",
        "Size": between(rng, 100, 5_000_000),
        "ContentType": kind,
        "Category": "Document",
    }
    if chance(rng, 0.3):
        doc["Note"] = pick(rng, NOTES)
    if books.recent:
        entity, object_id = pick(rng, books.recent)
        target = {"EntityRef": {"type": entity, "value": object_id}, "IncludeOnSend": False}
        doc["AttachableRef"] = [target]
    return doc


def company_currency(books: Books, _rng: Random, _day: str) -> Doc:
    number = int(books.number("CompanyCurrency")) - 1001
    currency = books.profile.foreign[number]
    return {"Code": currency.code, "Name": currency.name, "Active": True}


def exchange_rate(books: Books, rng: Random, day: str) -> Doc:
    """One currency's rate on one day; `day` is a day of the last three years, the only ones kept."""
    number = int(books.number("ExchangeRate")) - 1001
    currency = books.profile.foreign[number % len(books.profile.foreign)]
    drift = money(between(rng, 90, 110))
    return {
        "SourceCurrencyCode": currency.code,
        "TargetCurrencyCode": books.profile.home.code,
        "Rate": books.rate(currency) * drift,
        "AsOfDate": day,
    }
