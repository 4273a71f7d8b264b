"""What a landed transaction posts: debits and credits by account, in the company's own currency. Pure.

Written from Intuit's description of each transaction's accounts, for companies of one currency without stock: what
stock costs, what an exchange rate gains and what payroll posts is in no document that the API shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

Doc = Mapping[str, Any]
Posting = tuple[str, Decimal]
"""Account Id and amount; a debit is positive."""

NOTHING = Decimal(0)

_SHIPPING_ITEM = "SHIPPING_ITEM_ID"
"""What a line names in the place of an item where it is the charge for shipping."""

_DIGITS_MAX = 20
"""Before the point. No amount has as many, and a sum of larger ones would lose its cents."""

_NOT_POSTED = frozenset({"SubTotalLineDetail", "DescriptionOnly", "GroupLineDetail"})


class UnpostableError(Exception):
    """The document does not say where it posts. The message says what is missing, or of another shape."""


@dataclass(slots=True)
class Chart:
    """What must be known of a company's lists: each item's accounts, and accounts that no document names."""

    income: dict[str, str] = field(default_factory=dict)
    expense: dict[str, str] = field(default_factory=dict)
    by_kind: dict[str, list[str]] = field(default_factory=dict)
    """AccountSubType to the accounts of it."""
    by_name: dict[str, str] = field(default_factory=dict)

    def learn_account(self, doc: Doc) -> None:
        self.by_kind.setdefault(str(doc.get("AccountSubType", "")), []).append(str(doc["Id"]))
        self.by_name.setdefault(str(doc.get("Name", "")).removesuffix(" (deleted)"), str(doc["Id"]))

    def learn_item(self, doc: Doc) -> None:
        for accounts, name in ((self.income, "IncomeAccountRef"), (self.expense, "ExpenseAccountRef")):
            if found := reference(doc, name):
                accounts[str(doc["Id"])] = found

    def kind(self, *kinds: str) -> str:
        """The account of the first of these types that there is one of. Raises `UnpostableError` if there is none, or
        more than one: then nobody can say which it is."""
        found = next((self.by_kind[kind] for kind in kinds if kind in self.by_kind), [])
        if len(found) != 1:
            many = "several accounts" if found else "none"
            raise UnpostableError(f"the chart of accounts has {many} of type {' or '.join(kinds)}")
        return found[0]

    def shipping(self) -> str:
        return self.by_name.get("Shipping Income") or self.kind("ShippingFreightDelivery", "OtherPrimaryIncome")


def postings(entity: str, doc: Doc, chart: Chart) -> list[Posting]:
    """What the document posts. Raises `UnpostableError`, also where its lines do not add up to its total."""
    rule = _RULES.get(entity)
    found = [] if rule is None else [one for one in rule(doc, chart) if one[1]]
    over = sum((amount for _, amount in found), NOTHING)
    if over:
        raise UnpostableError(f"{entity} {doc.get('Id')}: debits and credits differ by {over}")
    if not all(account for account, _ in found):
        raise UnpostableError(f"{entity} {doc.get('Id')} does not name an account")
    return found


def part(doc: Doc, name: str) -> Doc:
    """The object of this name, empty if there is none. Raises `UnpostableError` if it is something else."""
    found = doc.get(name) or {}
    if not isinstance(found, Mapping):
        raise UnpostableError(f"{name} is no object")
    return found


def parts(doc: Doc, name: str) -> Sequence[Doc]:
    """The objects in the list of this name. Raises `UnpostableError` if it is something else."""
    found = doc.get(name) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        raise UnpostableError(f"{name} is no list of objects")
    return found


def reference(doc: Doc, name: str) -> str:
    """The Id that a reference holds, or nothing. Raises `UnpostableError` if it is no reference."""
    return str(part(doc, name).get("value") or "")


def amount(doc: Doc, name: str) -> Decimal:
    """The number of this name, or nothing. Raises `UnpostableError` if it is no number, or larger than any amount."""
    try:
        found = Decimal(str(doc.get(name) or 0))
    except InvalidOperation:
        raise UnpostableError(f"{name} is no number") from None
    if not found.is_finite() or found.adjusted() >= _DIGITS_MAX:
        raise UnpostableError(f"{name} is no amount")
    return found


def _lines(doc: Doc) -> Iterator[tuple[str, Doc, Doc]]:
    """Kind, detail and line of each line that carries an amount; a bundle's own lines stand for the bundle."""
    for line in parts(doc, "Line"):
        group = part(line, "GroupLineDetail")
        for one in [line] if group.get("Line") is None else parts(group, "Line"):
            kind = str(one.get("DetailType", ""))
            if kind not in _NOT_POSTED:
                yield kind, part(one, kind), one


def _tax(doc: Doc, chart: Chart, side: int) -> Iterator[Posting]:
    tax = amount(part(doc, "TxnTaxDetail"), "TotalTax")
    if tax:
        yield chart.kind("GlobalTaxPayable", "SalesTaxPayable"), side * tax


def _sold(doc: Doc, chart: Chart, side: int) -> Iterator[Posting]:
    for kind, detail, line in _lines(doc):
        value = side * amount(line, "Amount")
        if kind == "SalesItemLineDetail":
            item = reference(detail, "ItemRef")
            if item == _SHIPPING_ITEM:
                yield chart.shipping(), -value
            else:
                yield chart.income.get(item) or reference(detail, "ItemAccountRef"), -value
        elif kind == "DiscountLineDetail":
            yield reference(detail, "DiscountAccountRef") or chart.kind("DiscountsRefundsGiven"), value
        elif value:
            raise UnpostableError(f"a line of type {kind or 'none'}, of which it is not known where it posts")
    yield from _tax(doc, chart, -side)


def _receivable(doc: Doc, chart: Chart) -> str:
    return reference(doc, "ARAccountRef") or chart.kind("AccountsReceivable")


def _payable(doc: Doc, chart: Chart) -> str:
    return reference(doc, "APAccountRef") or chart.kind("AccountsPayable")


def _deposited(doc: Doc, chart: Chart) -> str:
    return reference(doc, "DepositToAccountRef") or chart.kind("UndepositedFunds")


def _invoice(doc: Doc, chart: Chart) -> Iterator[Posting]:
    paid = amount(doc, "Deposit")
    yield _receivable(doc, chart), amount(doc, "TotalAmt") - paid
    if paid:
        yield _deposited(doc, chart), paid
    yield from _sold(doc, chart, 1)


def _credit_memo(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield _receivable(doc, chart), -amount(doc, "TotalAmt")
    yield from _sold(doc, chart, -1)


def _sales_receipt(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield _deposited(doc, chart), amount(doc, "TotalAmt")
    yield from _sold(doc, chart, 1)


def _refund_receipt(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield _deposited(doc, chart), -amount(doc, "TotalAmt")
    yield from _sold(doc, chart, -1)


def _payment(doc: Doc, chart: Chart) -> Iterator[Posting]:
    total = amount(doc, "TotalAmt")
    if total:
        yield _deposited(doc, chart), total
        yield _receivable(doc, chart), -total


def _bought(doc: Doc, chart: Chart, side: int) -> Iterator[Posting]:
    for kind, detail, line in _lines(doc):
        value = side * amount(line, "Amount")
        if kind == "AccountBasedExpenseLineDetail":
            yield reference(detail, "AccountRef"), value
        elif kind == "ItemBasedExpenseLineDetail":
            item = reference(detail, "ItemRef")
            yield chart.expense.get(item) or chart.income.get(item, ""), value
        elif value:
            raise UnpostableError(f"a line of type {kind or 'none'}, of which it is not known where it posts")
    yield from _tax(doc, chart, side)


def _bill(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield _payable(doc, chart), -amount(doc, "TotalAmt")
    yield from _bought(doc, chart, 1)


def _vendor_credit(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield _payable(doc, chart), amount(doc, "TotalAmt")
    yield from _bought(doc, chart, -1)


def _bill_payment(doc: Doc, chart: Chart) -> Iterator[Posting]:
    total = amount(doc, "TotalAmt")
    if total:
        bank = reference(part(doc, "CheckPayment"), "BankAccountRef")
        yield bank or reference(part(doc, "CreditCardPayment"), "CCAccountRef"), -total
        yield _payable(doc, chart), total


def _purchase(doc: Doc, chart: Chart) -> Iterator[Posting]:
    side = -1 if doc.get("Credit") else 1
    yield reference(doc, "AccountRef"), -side * amount(doc, "TotalAmt")
    yield from _bought(doc, chart, side)


def _deposit(doc: Doc, chart: Chart) -> Iterator[Posting]:
    yield reference(doc, "DepositToAccountRef"), amount(doc, "TotalAmt")
    back = part(doc, "CashBack")
    yield reference(back, "AccountRef"), amount(back, "Amount")
    for line in parts(doc, "Line"):
        linked = bool(line.get("LinkedTxn"))
        account = reference(part(line, "DepositLineDetail"), "AccountRef")
        yield chart.kind("UndepositedFunds") if linked else account, -amount(line, "Amount")


def _journal_entry(doc: Doc, _chart: Chart) -> Iterator[Posting]:
    for line in parts(doc, "Line"):
        detail = part(line, "JournalEntryLineDetail")
        side = -1 if detail.get("PostingType") == "Credit" else 1
        yield reference(detail, "AccountRef"), side * amount(line, "Amount")


def _moved(source: str, target: str, name: str = "Amount") -> Callable[[Doc, Chart], Iterator[Posting]]:
    def rule(doc: Doc, _chart: Chart) -> Iterator[Posting]:
        yield reference(doc, source), -amount(doc, name)
        yield reference(doc, target), amount(doc, name)

    return rule


def _tax_payment(doc: Doc, chart: Chart) -> Iterator[Posting]:
    paid = -amount(doc, "PaymentAmount") if doc.get("Refund") else amount(doc, "PaymentAmount")
    yield reference(doc, "PaymentAccountRef"), -paid
    yield chart.kind("GlobalTaxPayable", "SalesTaxPayable"), paid


_RULES: Mapping[str, Callable[[Doc, Chart], Iterator[Posting]]] = MappingProxyType({
    "Bill": _bill,
    "BillPayment": _bill_payment,
    "CreditCardPayment": _moved("BankAccountRef", "CreditCardAccountRef"),
    "CreditMemo": _credit_memo,
    "Deposit": _deposit,
    "Invoice": _invoice,
    "JournalEntry": _journal_entry,
    "Payment": _payment,
    "Purchase": _purchase,
    "RefundReceipt": _refund_receipt,
    "SalesReceipt": _sales_receipt,
    "TaxPayment": _tax_payment,
    "Transfer": _moved("FromAccountRef", "ToAccountRef"),
    "VendorCredit": _vendor_credit,
})  # fmt: skip

POSTING = tuple(_RULES)
"""The entities that post. Orders, estimates, hours and templates do not."""
