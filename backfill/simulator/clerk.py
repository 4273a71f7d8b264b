"""Bookkeeping that touches several objects at once: what is paid, taken back or owed moves balances elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from backfill.simulator.books.effects import settle
from backfill.simulator.books.entries import UNIT
from backfill.simulator.books.sheet import in_home
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import voided
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, money
from backfill.simulator.seed.books import Books, Party
from backfill.simulator.seed.builders import BUILDERS
from backfill.simulator.seed.draw import between
from backfill.simulator.seed.ledger import deposit
from backfill.simulator.seed.purchases import bill_payment
from backfill.simulator.seed.sales import OpenItem, payment
from backfill.simulator.stored import StoredObject


class Clerk:
    """Makes changes to a company as its users would; what follows from them elsewhere is `books`' business.

    `counted_balances=False`: a balance that moves leaves its owner's SyncToken, as in the recordings; then two
    versions within one second can only be told apart by their content.
    """

    def __init__(self, company: Company, books: Books, rng: Random, *, counted_balances: bool) -> None:
        self.company = company
        self.books = books
        self._rng = rng
        self._counted_balances = counted_balances

    def enter(self, entity: str, day: str) -> StoredObject:
        """A new object dated `day`. Lists become available to later transactions."""
        doc = BUILDERS[entity](self.books, self._rng, day)
        row = self._create(entity, doc)
        if TRAITS[entity].has_doc_number:
            self.books.remember(entity, row.id)
        elif not TRAITS[entity].is_transaction:
            self.books.learn(entity, row.id, doc)
        return row

    def pay(self, row: StoredObject, day: str, amount: int) -> StoredObject:
        """A Payment of `amount` cents for an open Invoice."""
        party = self._party("Customer", decode(row.doc)["CustomerRef"]["value"])
        paid = payment(self.books, self._rng, day, party, [OpenItem(row.id, "Invoice", amount)])
        return self._create("Payment", self._at_todays_rate(paid))

    def pay_bill(self, row: StoredObject, day: str, amount: int) -> StoredObject:
        """A BillPayment of `amount` cents for an open Bill."""
        vendor = self._party("Vendor", decode(row.doc)["VendorRef"]["value"])
        paid = bill_payment(self.books, self._rng, day, vendor, [OpenItem(row.id, "Bill", amount)])
        return self._create("BillPayment", self._at_todays_rate(paid))

    def bank(self, rows: Sequence[StoredObject], day: str) -> StoredObject:
        """A Deposit of Payments that wait undeposited."""
        received = [OpenItem(row.id, "Payment", cents(decode(row.doc)["TotalAmt"])) for row in rows]
        return self._create("Deposit", deposit(self.books, self._rng, day, received))

    def rewrite(self, entity: str, row: StoredObject, day: str) -> None:
        """All of an unlinked object entered anew, under its old number."""
        new = BUILDERS[entity](self.books, self._rng, day)
        old = decode(row.doc)
        if "DocNumber" in old:
            new["DocNumber"] = old["DocNumber"]
        self._replace(entity, row, new)

    def amend(self, entity: str, row: StoredObject, changes: Doc) -> None:
        """Some of an object's attributes set anew: its date, a note."""
        self._replace(entity, row, decode(row.doc) | changes)

    def void(self, entity: str, row: StoredObject) -> None:
        """Amounts to 0; what it paid is open again."""
        self._replace(entity, row, voided(decode(row.doc)))

    def remove(self, entity: str, row: StoredObject) -> None:
        """Delete for good; what it paid or deposited is open again."""
        self.company.delete(entity, row.id)
        self._settle(entity, decode(row.doc), None)

    def _party(self, entity: str, object_id: str) -> Party:
        """One of the people, met for the first time or not."""
        if object_id not in self.books.parties:
            row = self.company.table(entity).get(object_id)
            assert row is not None, f"{entity} {object_id} is cited, and people cannot be deleted"
            self.books.learn(entity, object_id, decode(row.doc))
            if not row.active:
                self.books.forget(entity, object_id)
        return self.books.parties[object_id]

    def _create(self, entity: str, doc: Doc) -> StoredObject:
        row = self.company.create(entity, doc)
        self._settle(entity, None, decode(row.doc))
        return self.company.table(entity).get(row.id) or row

    def _replace(self, entity: str, row: StoredObject, doc: Doc) -> None:
        new = self.company.replace(entity, row.id, doc)
        self._settle(entity, decode(row.doc), decode(new.doc))

    def _settle(self, entity: str, before: Doc | None, after: Doc | None) -> None:
        settle(self.company, entity, before, after, counted_balances=self._counted_balances)
        for line in (after or {}).get("Line", ()):
            item = (line.get("SalesItemLineDetail") or {}).get("ItemRef", {}).get("value", "")
            stock = self.company.ledger.stocks.get(item) if self.company.ledger else None
            if stock:
                self.books.watch(item, stock.on_hand // UNIT)

    def _at_todays_rate(self, doc: Doc) -> Doc:
        """Foreign money is paid at another rate than it was charged at, up to five per cent off."""
        rate = doc.get("ExchangeRate", 1)
        if rate == 1:
            return doc
        today = Decimal(rate) * between(self._rng, 95, 105) / 100
        return {**doc, "ExchangeRate": today, "HomeTotalAmt": money(in_home(cents(doc["TotalAmt"]), today))}
