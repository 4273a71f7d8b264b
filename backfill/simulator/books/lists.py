"""What postings need to know of a company's lists: its accounts, its items, and the rates of what is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple, Protocol

from backfill.simulator.books.roles import role_of
from backfill.simulator.documents import Doc

Rate = Decimal | float
"""Units of home currency for one of a transaction's."""


class AccountFacts(NamedTuple):
    """An account as postings see it. `role`: the key of what it can stand in for, often empty."""

    id: str
    kind: str
    role: str
    currency: str
    parent: str

    @property
    def has_balance(self) -> bool:
        """Whether `CurrentBalance` is kept: QuickBooks answers 0 for income and expenses."""
        return self.kind not in _WITHOUT_BALANCE


_WITHOUT_BALANCE = frozenset({"Income", "Other Income", "Expense", "Other Expense", "Cost of Goods Sold"})


class ItemFacts(NamedTuple):
    """An item as postings see it; accounts are Ids, empty where it has none."""

    kind: str
    income: str
    expense: str
    asset: str


class Lists(Protocol):
    """The lists of one company."""

    home: str
    """Code of the home currency."""

    def account(self, object_id: str) -> AccountFacts | None: ...

    def item(self, object_id: str) -> ItemFacts: ...

    def role(self, key: str, currency: str = "") -> str:
        """The Id of the account that plays the role, in that currency if there is one; else the key itself."""
        ...

    def rate(self, entity: str, object_id: str) -> Rate | None:
        """The rate of a stored transaction; None where it is not there."""
        ...


NO_ITEM = ItemFacts("Service", "", "", "")


def account_facts(object_id: str, doc: Doc, home: str) -> AccountFacts:
    return AccountFacts(
        object_id,
        doc.get("AccountType", ""),
        role_of(doc.get("Name", ""), doc.get("AccountSubType", "")),
        reference(doc, "CurrencyRef") or home,
        reference(doc, "ParentRef"),
    )


def item_facts(doc: Doc) -> ItemFacts:
    return ItemFacts(
        doc.get("Type", "Service"),
        reference(doc, "IncomeAccountRef"),
        reference(doc, "ExpenseAccountRef"),
        reference(doc, "AssetAccountRef"),
    )


def reference(doc: Doc, key: str) -> str:
    """The value of a reference, empty where there is none (old documents have references of an empty value)."""
    found = doc.get(key)
    return str(found.get("value") or "") if found else ""


class RoleIndex:
    """Which account plays which role: the oldest of its kind, in each currency."""

    def __init__(self, accounts: Callable[[], Iterable[AccountFacts]], home: str) -> None:
        self._accounts = accounts
        self._home = home
        self._found: dict[tuple[str, str], str] | None = None

    def forget(self) -> None:
        """The chart has changed."""
        self._found = None

    def find(self, key: str, currency: str) -> str:
        if self._found is None:
            self._found = {}
            for facts in self._accounts():
                if facts.role:
                    self._found.setdefault((facts.role, facts.currency), facts.id)
        return self._found.get((key, currency or self._home)) or self._found.get((key, self._home), key)


class SownLists:
    """The lists of a company while it is being seeded: learnt one by one."""

    def __init__(self, home: str) -> None:
        self.home = home
        self._accounts: dict[str, AccountFacts] = {}
        self._items: dict[str, ItemFacts] = {}
        self._roles = RoleIndex(self._accounts.values, home)

    def learn(self, entity: str, object_id: str, doc: Doc) -> None:
        """Take in an Account or an Item; others are of no use here."""
        if entity == "Account":
            self._accounts[object_id] = account_facts(object_id, doc, self.home)
            self._roles.forget()
        elif entity == "Item":
            self._items[object_id] = item_facts(doc)

    def account(self, object_id: str) -> AccountFacts | None:
        return self._accounts.get(object_id)

    def item(self, object_id: str) -> ItemFacts:
        return self._items.get(object_id, NO_ITEM)

    def role(self, key: str, currency: str = "") -> str:
        return self._roles.find(key, currency)

    def rate(self, _entity: str, _object_id: str) -> Rate | None:
        """None: in a seeded history a currency has one rate, so that no payment gains or loses."""
        return None
