"""What an object must satisfy beyond its properties: one table of rules an entity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from backfill.simulator.books.links import ENTITY_OF
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import Doc, decode
from backfill.simulator.faults import Fault, business, required
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing import accounts, names, numbers
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import PERIOD_CLOSED, PERIOD_CLOSED_TO_REMOVAL, bad_value
from backfill.simulator.writing.forms import lines_of
from backfill.simulator.writing.lines import SALES_FORMS
from backfill.simulator.writing.taxes import AMERICAN_CODES

Rule = Callable[[Desk, Doc], Fault | None]
"""From the completed object to what it is refused with; None: it may be so."""

_PLANNED = frozenset({"Revenue", "Expense"})
"""What accounts of profit and loss are classified as: budgets are of these."""
_MOST_HOURS = 8760
"""Of one time activity: a year's, as Intuit's reference has it."""


def refusal(desk: Desk, doc: Doc) -> Fault | None:
    """The first rule that the object breaks."""
    return next((fault for rule in _rules(desk) if (fault := rule(desk, doc)) is not None), None)


def _rules(desk: Desk) -> Iterable[Rule]:
    if desk.traits.is_transaction and not desk.is_template:
        yield closed
        yield unlinkable
        yield numbers.clash
    yield from RULES.get(desk.entity, ())


def closed(desk: Desk, doc: Mapping[str, Any]) -> Fault | None:
    """6210 for a transaction dated, or until now dated, in a period whose books are closed."""
    until = str(desk.preference("AccountingInfoPrefs", "BookCloseDate") or "")
    days = [str(part["TxnDate"]) for part in (doc, desk.before or {}) if "TxnDate" in part]
    return PERIOD_CLOSED if until and days and min(days) <= until else None


def closed_to_removal(desk: Desk) -> Fault | None:
    """6200 for a delete or void of a transaction in such a period."""
    return PERIOD_CLOSED_TO_REMOVAL if closed(desk, {}) else None


def unlinkable(desk: Desk, doc: Doc) -> Fault | None:
    """620 for a link to a transaction that is not there."""
    linked = [link for line in lines_of(doc) for link in line.get("LinkedTxn", ())]
    for link in [*linked, *(doc.get("LinkedTxn") or ())]:
        kind = str(link.get("TxnType", ""))
        entity = ENTITY_OF.get(kind, kind)
        if entity not in TRAITS or desk.company.table(entity).get(str(link.get("TxnId", ""))) is None:
            detail = f"{link.get('TxnType')} {link.get('TxnId')} cannot be linked"
            return bad_value("620", "LinkedTxn", detail)
    return None


def _untaxable(desk: Desk, doc: Doc) -> Fault | None:
    """6100: in the US a sales line is taxed or not, and the rate is the transaction's."""
    for line in lines_of(doc) if desk.is_american else ():
        code = line.get("SalesItemLineDetail", {}).get("TaxCodeRef", {}).get("value", "NON")
        if code not in AMERICAN_CODES:
            return bad_value("6100", "TaxCodeRef", f"A line's tax code is TAX or NON in this company: {code}")
    return None


def _mistaxed(desk: Desk, doc: Doc) -> Fault | None:
    """2280, 6160, 6170, 6230: what the tax of the whole transaction may not be."""
    sent = doc["TxnTaxDetail"]
    code = sent.get("TxnTaxCodeRef", {}).get("value", "")
    if sent["TotalTax"] < 0:
        return bad_value("2280", "TotalTax", f"TotalTax may not be negative: {sent['TotalTax']}")
    if desk.is_american and code in AMERICAN_CODES:
        return bad_value("6160", "TxnTaxCodeRef", f"{code} is the code of a line, not of a transaction")
    if code == "CustomSalesTax" and not sent["TotalTax"]:
        return bad_value("6230", "TxnTaxCodeRef", "CustomSalesTax needs the tax that was calculated")
    if any("TaxRateRef" not in line.get("TaxLineDetail", {}) for line in sent.get("TaxLine", ())):
        return bad_value("6170", "TaxLine", "Each line of tax needs its TaxRateRef")
    return None


def _misfielded(_desk: Desk, doc: Doc) -> Fault | None:
    """3000 for a custom field without the number of its definition."""
    for field in doc.get("CustomField") or ():
        if not str(field.get("DefinitionId", "")).isdecimal():
            return bad_value("3000", "CustomField", "A custom field needs its DefinitionId, a number")
    return None


def _raw_card(_desk: Desk, doc: Doc) -> Fault | None:
    """6530: numbers of cards are not taken by this API."""
    card = (doc.get("CreditCardPayment") or {}).get("CreditChargeInfo") or {}
    return bad_value("6530", "Number", "Card numbers are not accepted") if card.get("Number") else None


def _unbalanced(_desk: Desk, doc: Doc) -> Fault | None:
    """2250 without lines, 2300 where debits and credits differ, and what a single line may be refused with."""
    entries = [line for line in lines_of(doc) if "JournalEntryLineDetail" in line]
    if not entries:
        return bad_value("2250", "Line", "A journal entry needs lines")
    wrong = next((fault for line in entries if (fault := _wrong_entry(line)) is not None), None)
    if wrong is not None:
        return wrong
    found = {"Debit": 0, "Credit": 0}
    for line in entries:
        found[line["JournalEntryLineDetail"]["PostingType"]] += line["Amount"]
    if found["Debit"] == found["Credit"]:
        return None
    return bad_value("2300", "Line", f"Debits ({found['Debit']}) and credits ({found['Credit']}) should be the same")


def _wrong_entry(line: Doc) -> Fault | None:
    """2260 without a side, 2020 without an account, 2270 for tax of neither sales nor purchases, 2290 below 0."""
    detail = line["JournalEntryLineDetail"]
    if "PostingType" not in detail:
        return bad_value("2260", "PostingType", "PostingType should be Debit or Credit")
    if "AccountRef" not in detail:
        return required("AccountRef")
    if "TaxAmount" in detail and "TaxApplicableOn" not in detail:
        return bad_value("2270", "TaxApplicableOn", "TaxApplicableOn should be Sales or Purchase")
    return _negative(line)


def _negative(doc: Mapping[str, Any], attribute: str = "Amount") -> Fault | None:
    """2290 for an amount below 0."""
    if doc[attribute] >= 0:
        return None
    return bad_value("2290", attribute, f"{attribute} may not be negative: {doc[attribute]}")


def _nameless(desk: Desk, doc: Doc) -> Fault | None:
    """6000: what is owed is owed by or to somebody."""
    needed = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}
    for line in lines_of(doc):
        detail = line.get("JournalEntryLineDetail", {})
        account = desk.lookup("Account", detail.get("AccountRef")) or {}
        party = needed.get(str(account.get("AccountType")))
        if party and detail.get("Entity", {}).get("Type") != party:
            return business(
                f"When you use {account['AccountType']}, you must choose a {party.lower()} in the Name field."
            )
    return None


def _unpayable(_desk: Desk, doc: Doc) -> Fault | None:
    return _negative(doc, "TotalAmt")


def _payless(_desk: Desk, doc: Doc) -> Fault | None:
    """2020 for a payment of bills that does not say from where, or for what unless it is void."""
    if doc["TotalAmt"] and not lines_of(doc):
        return required("Line")
    attribute, reference = {
        "Check": ("CheckPayment", "BankAccountRef"),
        "CreditCard": ("CreditCardPayment", "CCAccountRef"),
    }[doc["PayType"]]
    return None if (doc.get(attribute) or {}).get(reference) else required(f"{attribute}.{reference}")


def _account_kind(attribute: str, *kinds: str) -> Rule:
    """A rule: 6430 where the account that the attribute names is of another type."""

    def wrong(desk: Desk, doc: Doc) -> Fault | None:
        account = desk.lookup("Account", doc.get(attribute))
        if account is None or account["AccountType"] in kinds:
            return None
        return bad_value("6430", attribute, f"{attribute} should be of type {' or '.join(kinds)}")

    return wrong


def _paid_from(desk: Desk, doc: Doc) -> Fault | None:
    """6430: a check is drawn on a bank, a card's charge on a card."""
    kinds = {"Check": ("Bank",), "CreditCard": ("Credit Card",)}.get(str(doc.get("PaymentType")))
    return _account_kind("AccountRef", *kinds)(desk, doc) if kinds else None


def _amountless(_desk: Desk, doc: Doc) -> Fault | None:
    return _negative(doc)


def _itemless(desk: Desk, doc: Doc) -> Fault | None:
    """What an item of each type needs: 6270 and 6520 for stock, 2020 and 6000 for accounts."""
    if doc["Type"] == "Inventory":
        if "InvStartDate" not in doc:
            return bad_value("6270", "InvStartDate", "An item of stock needs the day from which it is counted")
        if "QtyOnHand" not in doc:
            return bad_value("6520", "QtyOnHand", "An item of stock needs its quantity")
        needed = ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef")
        absent = next((name for name in needed if name not in doc), None)
        return required(absent) if absent else None
    if doc["Type"] in {"Service", "NonInventory"} and not {"IncomeAccountRef", "ExpenseAccountRef"} & doc.keys():
        return business("Please select an account for this item.", "IncomeAccountRef")
    if desk.before and desk.before.get("Type") == "Inventory":
        return business("The type of an item of stock cannot be changed.", "Type")
    return None


def _untimely(_desk: Desk, doc: Doc) -> Fault | None:
    """6310 to 6330: who worked, and for whom if somebody is to be charged; then how long."""
    who = {"Employee": "EmployeeRef", "Vendor": "VendorRef"}.get(str(doc["NameOf"]))
    if who and who not in doc:
        return bad_value("6310", who, f"A time activity of {doc['NameOf']} needs {who}")
    if doc["BillableStatus"] == "Billable" and "CustomerRef" not in doc:
        return bad_value("6330", "CustomerRef", "Time that is to be charged needs a customer")
    if doc.get("HourlyRate", 0) < 0:
        return bad_value("6370", "HourlyRate", f"HourlyRate may not be negative: {doc['HourlyRate']}")
    return _wrong_duration(doc)


def _wrong_duration(doc: Doc) -> Fault | None:
    """6320 without a beginning or an end, 2600 for both ways, 6290 for an end that is too early, 6340 for too long,
    6390 for a break that is longer than all.
    """
    started, ended = doc.get("StartTime"), doc.get("EndTime")
    if bool(started) != bool(ended):
        return bad_value("6320", "EndTime", "StartTime and EndTime belong together")
    if started and (doc.get("Hours") or doc.get("Minutes")):
        return bad_value("2600", "Hours", "A time activity has Hours and Minutes, or StartTime and EndTime")
    if started and _instant(doc["EndTime"]) < _instant(started):
        return bad_value("6290", "EndTime", "EndTime is before StartTime")
    if not 0 <= doc.get("Hours", 0) <= _MOST_HOURS or not 0 <= doc.get("Minutes", 0) < 60:
        return bad_value("6340", "Hours", f"Hours are 0 to {_MOST_HOURS}, and minutes 0 to 59")
    rested_s = _seconds(doc, "Break")
    worked_s = (_instant(doc["EndTime"]) - _instant(started)).total_seconds() if started else _seconds(doc, "")
    if rested_s < 0 or rested_s > worked_s:
        return bad_value("6390", "BreakHours", "The break is longer than the time activity")
    return None


def _seconds(doc: Doc, of: str) -> int:
    """Hours, minutes and seconds of the work, or of the break."""
    hours, minutes, seconds = (int(doc.get(f"{of}{unit}") or 0) for unit in ("Hours", "Minutes", "Seconds"))
    return (hours * 60 + minutes) * 60 + seconds


def _instant(text: str) -> datetime:
    """A time that says no offset is taken as UTC's: enough to compare two of one activity."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _unplanned(desk: Desk, doc: Doc) -> Fault | None:
    """6490 for a budget that ends before it begins, 6500 for a line of no account, 6510 for one that earns nothing."""
    if doc["EndDate"] < doc["StartDate"]:
        return bad_value("6490", "EndDate", "A budget ends after it begins")
    if any("AccountRef" not in line for line in doc["BudgetDetail"]):
        return bad_value("6500", "BudgetDetail", "Each line of a budget needs its account")
    for line in doc["BudgetDetail"]:
        account = desk.lookup("Account", line["AccountRef"]) or {}
        if account.get("Classification") not in _PLANNED:
            detail = f"Account {line['AccountRef']['value']} is none of profit and loss"
            return bad_value("6510", "AccountRef", detail)
    return None


def _priceless(desk: Desk, doc: Doc) -> Fault | None:
    """5030 where the company has one currency; 2240 for a rate that is none."""
    if not desk.company.multicurrency:
        return Fault("5030", "Feature Not Supported", "Feature not supported : Multicurrency is not enabled")
    return None if doc["Rate"] > 0 else bad_value("2240", "Rate", f"Rate should be above 0: {doc['Rate']}")


def _has_dependants(desk: Desk, doc: Doc) -> Fault | None:
    """800: what others stand below cannot be made inactive."""
    if doc.get("Active") is not False or (desk.before or {}).get("Active") is False:
        return None
    table = desk.company.table(desk.entity)
    below = (table.get(object_id) for object_id in table.find(names.by_parent, desk.object_id))
    if any(row is not None and row.active for row in below):
        return bad_value("800", "Active", f"{desk.entity} {desk.object_id} has others below it")
    return None


def _of_another_type(desk: Desk, doc: Doc) -> Fault | None:
    """700: an account stands below one of its own type."""
    parent = desk.lookup("Account", doc.get("ParentRef"))
    if parent and parent["AccountType"] != doc["AccountType"]:
        return bad_value("700", "ParentRef", f"The parent is of type {parent['AccountType']}")
    return None


def _misattached(_desk: Desk, doc: Doc) -> Fault | None:
    """6050: an attachment belongs to an object of a known entity."""
    for attached in doc.get("AttachableRef") or ():
        kind = attached.get("EntityRef", {}).get("type", "")
        if attached.get("EntityRef") and kind.lower() not in _ATTACHABLE_TO:
            return bad_value("6050", "EntityRef", f"Nothing can be attached to {kind or 'an object of no type'}")
    return None


def _numbered_twice(desk: Desk, doc: Doc) -> Fault | None:
    """6000 for an account number that another account has."""
    number = str(doc.get("AcctNum") or "")
    if not number or number == (desk.before or {}).get("AcctNum"):
        return None
    others = desk.company.table("Account").find(_by_account_number, number)
    taken = any(object_id != desk.object_id for object_id in others)
    return (
        business("Duplicate account number. Another account is already using this number.", "AcctNum")
        if taken
        else None
    )


def _by_account_number(row: StoredObject) -> str:
    return str(decode(row.doc).get("AcctNum", ""))


_ATTACHABLE_TO = frozenset(name.lower() for name in TRAITS)

_NAMED: tuple[Rule, ...] = (names.misnamed, names.clash)
_NESTED: tuple[Rule, ...] = (names.misnamed, names.misplaced, names.clash)

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("CompanyCurrency", "Employee", "JournalCode", "PaymentMethod", "TaxAgency", "Term", "Vendor"), _NAMED
        ),
        **dict.fromkeys(("Class", "Department"), (*_NESTED, _has_dependants)),
        **dict.fromkeys(SALES_FORMS, (_raw_card, _untaxable, _mistaxed, _misfielded)),
        "Account": (accounts.misclassified, *_NESTED, _numbered_twice, _of_another_type, _has_dependants),
        "Attachable": (_misattached,),
        "BillPayment": (_payless, _unpayable),
        "Budget": (*_NAMED, _unplanned),
        "CreditCardPayment": (_amountless, _account_kind("CreditCardAccountRef", "Credit Card")),
        "Deposit": (_account_kind("DepositToAccountRef", "Bank", "Other Current Asset"),),
        "ExchangeRate": (_priceless,),
        "Customer": _NESTED,
        "Item": (*_NESTED, _itemless, _has_dependants),
        "JournalEntry": (_unbalanced, _nameless),
        "Payment": (_raw_card, _unpayable),
        "Purchase": (_paid_from,),
        "TimeActivity": (_untimely,),
        "Transfer": (_amountless,),
    }
)
"""Each entity's rules, in the order in which they are looked at."""
