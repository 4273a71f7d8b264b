"""Bookkeeping that touches several objects at once: what is paid, taken back or owed moves balances elsewhere."""

from __future__ import annotations

from random import Random

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import voided
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, money
from backfill.simulator.seed.books import Books
from backfill.simulator.seed.builders import BUILDERS
from backfill.simulator.seed.purchases import bill_payment
from backfill.simulator.seed.sales import OpenItem, payment
from backfill.simulator.table import StoredObject

_MAX_LEVELS = 5  # of customers below one another, as QuickBooks allows

# Documents whose total is owed: the attribute that names the party, that party's entity, and the sign.
_OWED = {
    "Invoice": ("CustomerRef", "Customer", 1),
    "CreditMemo": ("CustomerRef", "Customer", -1),
    "Payment": ("CustomerRef", "Customer", -1),
    "Bill": ("VendorRef", "Vendor", 1),
    "VendorCredit": ("VendorRef", "Vendor", -1),
    "BillPayment": ("VendorRef", "Vendor", -1),
}


class Clerk:
    """Makes changes to a company as its users would, keeping links, balances and references true.

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
        row = self.company.create(entity, doc)
        if TRAITS[entity].has_doc_number:
            self.books.remember(entity, row.id)
        elif not TRAITS[entity].is_transaction:
            self.books.learn(entity, row.id, doc)
        self._owe(entity, doc, cents(doc.get("TotalAmt", 0)))
        return row

    def pay(self, row: StoredObject, day: str, amount: int) -> StoredObject:
        """A Payment of `amount` cents for an open Invoice."""
        doc = decode(row.doc)
        party = self.books.parties[doc["CustomerRef"]["value"]]
        paid = payment(self.books, self._rng, day, party, [OpenItem(row.id, "Invoice", amount)])
        return self._settle("Invoice", row.id, doc, "Payment", paid, amount)

    def pay_bill(self, row: StoredObject, day: str, amount: int) -> StoredObject:
        """A BillPayment of `amount` cents for an open Bill."""
        doc = decode(row.doc)
        vendor = self.books.parties[doc["VendorRef"]["value"]]
        paid = bill_payment(self.books, self._rng, day, vendor, [OpenItem(row.id, "Bill", amount)])
        return self._settle("Bill", row.id, doc, "BillPayment", paid, amount)

    def rewrite(self, entity: str, row: StoredObject, day: str) -> None:
        """All of an unlinked object entered anew, under its old number."""
        old = decode(row.doc)
        new = BUILDERS[entity](self.books, self._rng, day)
        if "DocNumber" in old:
            new["DocNumber"] = old["DocNumber"]
        self.company.replace(entity, row.id, new)
        self._owe(entity, old, -cents(old.get("TotalAmt", 0)))
        self._owe(entity, new, cents(new.get("TotalAmt", 0)))

    def void(self, entity: str, row: StoredObject) -> None:
        """Amounts to 0; what it paid is open again."""
        old = decode(row.doc)
        self._release(row.id, old)
        self.company.replace(entity, row.id, voided(old))
        self._owe(entity, old, -cents(old["TotalAmt"]))

    def remove(self, entity: str, row: StoredObject) -> None:
        """Delete for good; what it paid or deposited is open again."""
        old = decode(row.doc)
        self._release(row.id, old)
        self.company.delete(entity, row.id)
        self._owe(entity, old, -cents(old.get("TotalAmt", 0)))

    def _settle(self, entity: str, object_id: str, doc: Doc, paying: str, paid: Doc, amount: int) -> StoredObject:
        made = self.company.create(paying, paid)
        link = {"TxnId": made.id, "TxnType": "Payment" if paying == "Payment" else "BillPaymentCheck"}
        doc |= {"Balance": money(cents(doc["Balance"]) - amount), "LinkedTxn": [*doc["LinkedTxn"], link]}
        self.company.replace(entity, object_id, doc)
        self._owe(paying, paid, amount)
        return made

    def _release(self, object_id: str, doc: Doc) -> None:
        """Undo the links from a payment's or deposit's lines: their targets forget it and are open again."""
        for line in doc.get("Line", ()):
            for link in line.get("LinkedTxn", ()):
                target = self.company.table(link["TxnType"]).get(link["TxnId"])
                if target is None:
                    continue
                freed = decode(target.doc)
                freed["LinkedTxn"] = [other for other in freed["LinkedTxn"] if other["TxnId"] != object_id]
                if "Balance" in freed:
                    freed["Balance"] = money(cents(freed["Balance"]) + cents(line["Amount"]))
                self.company.replace(link["TxnType"], link["TxnId"], freed)

    def _owe(self, entity: str, doc: Doc, amount: int) -> None:
        """Move the balance of the document's party, and of a job's parents, by `amount` cents."""
        if entity not in _OWED or not amount:
            return
        key, party, sign = _OWED[entity]
        row = self.company.table(party).get(doc[key]["value"])
        own = "Balance"
        for _ in range(_MAX_LEVELS):
            if row is None:
                return
            owner = decode(row.doc)
            for attribute in {own, "BalanceWithJobs"} & owner.keys():
                owner[attribute] = money(cents(owner[attribute]) + sign * amount)
            self.company.replace(party, row.id, owner, counted=self._counted_balances)
            row = self.company.table(party).get(owner["ParentRef"]["value"]) if "ParentRef" in owner else None
            own = ""
