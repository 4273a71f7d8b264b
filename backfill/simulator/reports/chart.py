"""The chart of accounts as reports lay it out: by type, then by name, what is below an account after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from backfill.simulator.books.lists import reference
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode

ASSETS = ("Bank", "Accounts Receivable", "Other Current Asset", "Fixed Asset", "Other Asset")
LIABILITIES = ("Accounts Payable", "Credit Card", "Other Current Liability", "Long Term Liability")
EQUITY = ("Equity",)
RESULT = ("Income", "Cost of Goods Sold", "Expense", "Other Income", "Other Expense")
KINDS = ASSETS + LIABILITIES + EQUITY + RESULT
"""Account types in the order of the recorded general ledger."""

_DEBIT = frozenset({*ASSETS, "Cost of Goods Sold", "Expense", "Other Expense"})
_PLACE = {kind: place for place, kind in enumerate(KINDS)}

RETAINED = "RetainedEarnings"
UNAPPLIED_INCOME = "UnappliedCashPaymentIncome"
UNAPPLIED_EXPENSE = "UnappliedCashBillPaymentExpense"


class Account(NamedTuple):
    """An account as reports show it. `id` is empty where QuickBooks shows an account that the chart has not."""

    id: str
    name: str
    full_name: str
    kind: str
    number: str = ""
    detail: str = ""
    parent: str = ""
    description: str = ""
    currency: str = ""

    @property
    def sign(self) -> int:
        """1 where a debit is shown as positive, -1 where a credit is."""
        return 1 if self.kind in _DEBIT else -1


_BY_THEMSELVES: Mapping[str, Account] = MappingProxyType(
    {
        RETAINED: Account("", "Retained Earnings", "Retained Earnings", "Equity", detail=RETAINED),
        UNAPPLIED_INCOME: Account(
            "", "Unapplied Cash Payment Income", "Unapplied Cash Payment Income", "Income", detail=UNAPPLIED_INCOME
        ),
        UNAPPLIED_EXPENSE: Account(
            "",
            "Unapplied Cash Bill Payment Expense",
            "Unapplied Cash Bill Payment Expense",
            "Expense",
            detail=UNAPPLIED_EXPENSE,
        ),
    }
)
"""What reports post to by themselves, by detail type: shown like this where the chart has no account of the kind."""


class Chart:
    """A company's accounts, inactive ones too: their history is still there."""

    def __init__(self, company: Company) -> None:
        self._accounts = {row.id: _account(row.id, decode(row.doc)) for row in company.table("Account").all()}
        self._details: dict[str, str] = {}
        for account in self._accounts.values():
            self._details.setdefault(account.detail, account.id)
        self._below: dict[str, list[str]] | None = None
        self.results: Mapping[str, bool] = _Results(self)
        """By an account's key, whether it is closed into retained earnings at a fiscal year's end."""

    def key(self, detail: str) -> str:
        """The key of the account of a detail type that reports post to by themselves."""
        return self._details.get(detail, detail)

    def account(self, key: str) -> Account:
        """The account of an Id, or of a key; one that is nowhere is shown under its key, among the expenses."""
        found = self._accounts.get(key) or _BY_THEMSELVES.get(key)
        return found or Account("", key, key, "Expense")

    def ordered(self, keys: Iterable[str], kinds: Iterable[str] = KINDS) -> list[str]:
        """Those of `keys` that are of the kinds, in the order of the chart, subaccounts by their full names."""
        wanted = frozenset(kinds)
        return sorted((key for key in keys if self.account(key).kind in wanted), key=self.place)

    def place(self, key: str) -> tuple[int, tuple[str, ...], str]:
        """By this accounts sort."""
        account = self.account(key)
        return _PLACE.get(account.kind, len(KINDS)), tuple(account.full_name.casefold().split(":")), key

    def path(self, key: str) -> tuple[str, ...]:
        """The keys of all accounts above it, the topmost first, and its own. Only those of its own type count."""
        account = self.account(key)
        found = [key]
        above = self._accounts.get(account.parent)
        while above is not None and above.kind == account.kind and above.id not in found:
            found.append(above.id)
            above = self._accounts.get(above.parent)
        return tuple(reversed(found))

    def of_kinds(self, kinds: Iterable[str]) -> frozenset[str]:
        """The Ids of all accounts of these types."""
        wanted = frozenset(kinds)
        return frozenset(account.id for account in self._accounts.values() if account.kind in wanted)

    def of_detail(self, detail: str) -> frozenset[str]:
        """The Ids of all accounts of a detail type."""
        return frozenset(account.id for account in self._accounts.values() if account.detail == detail)

    def below(self, object_ids: Iterable[str]) -> frozenset[str]:
        """The accounts themselves and all below them: a filter by an account means its subaccounts too."""
        if self._below is None:
            self._below = defaultdict(list)
            for account in self._accounts.values():
                self._below[account.parent].append(account.id)
        found: set[str] = set()
        waiting = list(object_ids)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self._below.get(key, ()))
        return frozenset(found)

    def __iter__(self) -> Iterator[Account]:
        return (self._accounts[key] for key in sorted(self._accounts, key=self.place))


class _Results(dict[str, bool]):
    """Every key is found: postings are asked one by one, and accounts are few."""

    def __init__(self, chart: Chart) -> None:
        super().__init__()
        self._chart = chart

    def __missing__(self, key: str) -> bool:
        found = self[key] = self._chart.account(key).kind in RESULT
        return found


def _account(object_id: str, doc: Doc) -> Account:
    name = str(doc.get("Name") or "")
    return Account(
        object_id,
        name,
        str(doc.get("FullyQualifiedName") or name),
        str(doc.get("AccountType") or ""),
        str(doc.get("AcctNum") or ""),
        str(doc.get("AccountSubType") or ""),
        reference(doc, "ParentRef"),
        str(doc.get("Description") or ""),
        reference(doc, "CurrencyRef"),
    )
