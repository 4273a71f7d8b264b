"""The rows of a rehearsed load: what each asks for, by what its effect is recognised in the books, and what refuses it.

Nothing here is read from the ledger: who judges by these rows looks at the simulator's books alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from backfill.model import RealmId
from backfill.simulator.company import Company

ABSENT_ID = "987654"
"""Of no object of a company so small."""


RowIdentity = tuple[str, str, str]
"""Entity, operation and key: no two rows of a realm share them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """A row as a user gives it, and what must come of it."""

    realm_id: RealmId
    entity: str
    operation: str
    key: str
    payload: Mapping[str, Any]
    mark: str = ""
    """Text that the object holds once the row took effect: no other row writes it, nor does anybody else."""
    object_id: str = ""
    """Of an object that was there before the load; empty: another row, or this one, makes it."""
    names: tuple[str, ...] = ()
    """Keys of the rows whose objects it refers to, its own object's first where it is a change."""
    fault: str = ""
    """The code that it must be rejected with; empty: it must take effect."""

    @property
    def identity(self) -> RowIdentity:
        return self.entity, self.operation, self.key

    def record(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {
            "realm_id": self.realm_id,
            "entity": self.entity,
            "operation": self.operation,
            "source_key": self.key,
            "payload": self.payload,
        }


def draw_rows(rng: Random, company: Company) -> list[AskedRow]:
    """The rows of one realm, in any order: what is needed may come last."""
    draft = _Draft(rng, company)
    draft.lists()
    for number in range(rng.choice((3, 10, 25))):
        draft.invoice(number)
    for number in range(rng.choice((0, 2, 6))):
        draft.journal_entry(number)
    draft.changes_of_what_is_there(rng.choice((0, 3, 8)))
    draft.wrong(rng.choice((0, 1, 4)))
    rng.shuffle(draft.rows)
    return draft.rows


@dataclass(slots=True)
class _Draft:
    """One realm's rows while they are drawn."""

    rng: Random
    company: Company
    rows: list[AskedRow] = field(default_factory=list)
    customers: int = 0

    def add(self, entity: str, key: str, payload: dict[str, Any], *, operation: str = "create", **more: Any) -> None:
        self.rows.append(
            AskedRow(
                realm_id=RealmId(self.company.realm_id),
                entity=entity,
                operation=operation,
                key=key,
                payload=payload,
                **more,
            )
        )

    def mark(self) -> str:
        return f"#row {len(self.rows)}#"

    def lists(self) -> None:
        self.customers = self.rng.choice((1, 4))
        for number in range(self.customers):
            mark = self.mark()
            payload = {"DisplayName": f"Customer of the load {number}", "Notes": mark}
            self.add("Customer", f"customer {number}", payload, mark=mark)
        mark = self.mark()
        income = {"value": self.account("Income")}
        item = {"Name": "Hours of the load", "Type": "Service", "Description": mark, "IncomeAccountRef": income}
        self.add("Item", "item", item, mark=mark)

    def invoice(self, number: int) -> None:
        """And perhaps its payment, a change of it or its end."""
        rng, key, mark = self.rng, f"invoice {number}", self.mark()
        customer = f"customer {rng.randrange(self.customers)}"
        payload = _invoice(customer, {"$ref": "Item/item"}, amount=10 + number, mark=mark)
        if rng.random() < 0.7:
            payload["DocNumber"] = f"L-{number}"
        self.add("Invoice", key, payload, mark=mark, names=(customer, "item"))
        match rng.choice(("payment", "update", "void", "nothing", "nothing")):
            case "payment":
                self.payment(number, customer)
            case "update":
                mark = self.mark()
                self.add("Invoice", key, {"PrivateNote": mark}, operation="update", mark=mark, names=(key,))
            case "void":
                self.add("Invoice", key, {}, operation="void", names=(key,))

    def payment(self, number: int, customer: str) -> None:
        """It has no number of its own: only its stamp tells it from its like."""
        mark, amount = self.mark(), 10 + number
        link = {"TxnId": {"$ref": f"Invoice/invoice {number}"}, "TxnType": "Invoice"}
        payload = {
            "CustomerRef": {"$ref": f"Customer/{customer}"},
            "TotalAmt": amount,
            "PrivateNote": mark,
            "Line": [{"Amount": amount, "LinkedTxn": [link]}],
        }
        names = (customer, f"invoice {number}")
        self.add("Payment", f"payment {number}", payload, mark=mark, names=names)

    def journal_entry(self, number: int) -> None:
        mark = self.mark()
        account = {"value": self.account("Expense")}
        lines = [
            {
                "Amount": 5 + number,
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": {"PostingType": side, "AccountRef": account},
            }
            for side in ("Debit", "Credit")
        ]
        payload = {"DocNumber": f"LJ-{number}", "PrivateNote": mark, "Line": lines}
        self.add("JournalEntry", f"entry {number}", payload, mark=mark)

    def changes_of_what_is_there(self, most: int) -> None:
        """Of objects that other people may change at the same time, one row each."""
        rng = self.rng
        places = {"Customer": "Notes", "Vendor": "Notes", "Invoice": "PrivateNote", "Bill": "PrivateNote"}
        for _ in range(most):
            entity = rng.choice(list(places))
            known = {(row.entity, row.object_id) for row in self.rows}
            fit = [
                row.id
                for row in self.company.table(entity).by_created()
                if row.active and (entity, row.id) not in known and not json.loads(row.doc).get("LinkedTxn")
            ]
            if not fit:
                continue
            id_, key = rng.choice(fit), f"change {len(self.rows)}"
            if entity in {"Invoice", "Bill"} and rng.random() < 0.3:
                self.add(entity, key, {"Id": id_}, operation="delete", object_id=id_)
            else:
                mark = self.mark()
                payload = {"Id": id_, places[entity]: mark}
                self.add(entity, key, payload, operation="update", object_id=id_, mark=mark)

    def wrong(self, count: int) -> None:
        """Rows that Intuit, or we for it, must refuse; and rows that need one of them."""
        for number in range(count):
            key, mark = f"wrong {number}", self.mark()
            match self.rng.choice(("item", "name", "id", "needs")):
                case "item":
                    payload = _invoice("customer 0", {"value": ABSENT_ID}, amount=3, mark=mark)
                    payload["DocNumber"] = f"LW-{number}"
                    self.add("Invoice", key, payload, mark=mark, names=("customer 0",), fault="2500")
                case "name":
                    payload = {"Name": self.a_name("Account"), "AccountType": "Expense", "Description": mark}
                    self.add("Account", key, payload, mark=mark, fault="6240")
                case "id":
                    payload = {"Id": ABSENT_ID, "PrivateNote": mark}
                    self.add("Invoice", key, payload, operation="update", object_id=ABSENT_ID, mark=mark, fault="610")
                case _:
                    payload = _invoice(f"nobody {number}", {"$ref": "Item/item"}, amount=4, mark=mark)
                    self.add("Invoice", key, payload, mark=mark, fault="reference")

    def account(self, kind: str) -> str:
        """The Id of the first active account of a type."""
        accounts = self.documents("Account")
        return str(next(doc["Id"] for doc in accounts if doc["AccountType"] == kind and doc.get("Active", True)))

    def a_name(self, entity: str) -> str:
        return str(next(doc["Name"] for doc in self.documents(entity) if "ParentRef" not in doc))

    def documents(self, entity: str) -> Iterable[dict[str, Any]]:
        return (json.loads(row.doc) for row in self.company.table(entity).by_created())


def _invoice(customer: str, item: Mapping[str, str], *, amount: int, mark: str) -> dict[str, Any]:
    detail = {"ItemRef": item, "Qty": 1, "UnitPrice": amount}
    return {
        "CustomerRef": {"$ref": f"Customer/{customer}"},
        "PrivateNote": mark,
        "Line": [{"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}],
    }
