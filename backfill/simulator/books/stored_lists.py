"""The lists of a company as they stand in its tables, read when asked for and again only where they changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backfill.simulator.books.lists import NO_ITEM, AccountFacts, ItemFacts, Rate, RoleIndex, account_facts, item_facts
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.stored import StoredObject


class StoredLists:
    """What postings need of a company's lists."""

    def __init__(self, company: Company) -> None:
        self.home = company.home_currency
        self._company = company
        self._accounts: dict[str, tuple[StoredObject, AccountFacts]] = {}
        self._items: dict[str, tuple[StoredObject, ItemFacts]] = {}
        self._roles = RoleIndex(self._all_accounts, self.home)
        self._chart = 0
        self._rates: Mapping[tuple[str, str], Rate | None] = {}

    def overlay(self, rates: Mapping[tuple[str, str], Rate | None]) -> None:
        """`rates` of (entity, Id) count before those of what is stored, until the next call."""
        self._rates = rates

    def account(self, object_id: str) -> AccountFacts | None:
        row = self._company.table("Account").get(object_id)
        return None if row is None else self._facts(row)

    def item(self, object_id: str) -> ItemFacts:
        row = self._company.table("Item").get(object_id)
        if row is None:
            return NO_ITEM
        known = self._items.get(object_id)
        if known is None or known[0] is not row:
            known = self._items[object_id] = (row, item_facts(decode(row.doc)))
        return known[1]

    def role(self, key: str, currency: str = "") -> str:
        if len(self._company.table("Account")) != self._chart:
            self._chart = len(self._company.table("Account"))
            self._roles.forget()
        return self._roles.find(key, currency)

    def rate(self, entity: str, object_id: str) -> Rate | None:
        if (entity, object_id) in self._rates:
            return self._rates[entity, object_id]
        if not self._company.multicurrency:
            return 1
        row = self._company.table(entity).get(object_id)
        found: Any = decode(row.doc).get("ExchangeRate") if row else None
        return found or None

    def _all_accounts(self) -> Iterator[AccountFacts]:
        return (self._facts(row) for row in self._company.table("Account").all())

    def _facts(self, row: StoredObject) -> AccountFacts:
        known = self._accounts.get(row.id)
        if known is None or known[0] is not row:
            known = self._accounts[row.id] = (row, account_facts(row.id, decode(row.doc), self.home))
        return known[1]
