"""Somebody else: people who work in the books while we read them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import anyio

from backfill.errors import UsageError
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import deactivated, reactivated
from backfill.simulator.clerk import Clerk
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode
from backfill.simulator.seed.books import later
from backfill.simulator.seed.builders import BUILDERS
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.reader import read_books
from backfill.simulator.seed.words import NOTES
from backfill.simulator.stored import StoredObject

_TRIES = 8  # rows looked at for one that the change is possible on, before another change is tried
_BACK_DATED = 0.25

_NEW_TRANSACTIONS = tuple(
    entity for entity, traits in TRAITS.items() if traits.is_transaction and traits.creatable and entity in BUILDERS
)
_NEW_LIST_OBJECTS = (
    "Budget", "Class", "Customer", "Customer", "Department", "Employee", "Item", "PaymentMethod", "TaxAgency",
    "TaxCode", "TaxRate", "Term", "Vendor",
)  # fmt: skip
_REWRITABLE = tuple(entity for entity in _NEW_TRANSACTIONS if TRAITS[entity].updatable)
_NOTABLE = tuple(entity for entity, traits in TRAITS.items() if traits.is_transaction and traits.updatable)
_DELETABLE = tuple(entity for entity, traits in TRAITS.items() if traits.deletable)
_VOIDABLE = tuple(entity for entity, traits in TRAITS.items() if traits.voidable)
_RETIRABLE = ("Class", "Customer", "Department", "Employee", "Item", "PaymentMethod", "Term", "Vendor")
_REMARKS = {
    "Account": "Description", "Attachable": "Note", "Customer": "Notes", "Employee": "EmployeeNumber",
    "Item": "Description", "Vendor": "Notes",
}  # fmt: skip
"""Where a remark goes in an object that is no transaction."""


class Habit(NamedTuple):
    """A kind of change, how often people make it among all others, and what makes it (False: not possible now)."""

    weight: float
    act: Callable[[], bool]


class People:
    """Users of one company, changing it at random: everywhere, and as far back as they please.

    What change data capture does not carry (TimeActivity, Attachable, TaxAgency ...) is changed as well as what
    it does, and so are the singletons. The same seed on the same company makes the same changes.
    Raises `UsageError` for a negative rate.
    """

    def __init__(
        self, company: Company, rng: Random, *, changes_per_minute: float, counted_balances: bool = True
    ) -> None:
        if changes_per_minute < 0:
            raise UsageError(
                f"people cannot make {changes_per_minute} changes a minute", action="give a rate of 0 or more"
            )
        self._company = company
        self._rng = rng
        self._mean_wait_s = 60 / changes_per_minute if changes_per_minute else None
        self._clerk = Clerk(company, read_books(company), rng, counted_balances=counted_balances)
        self._habits = (
            Habit(30, self._enter),
            Habit(14, self._pay),
            Habit(6, self._pay_bill),
            Habit(4, self._bank),
            Habit(14, self._note),
            Habit(6, self._back_date),
            Habit(6, self._rewrite),
            Habit(8, self._delete),
            Habit(3, self._void),
            Habit(6, self._enter_list_object),
            Habit(5, self._remark),
            Habit(4, self._retire_or_revive),
            Habit(3, self._attach),
            Habit(1, self._publish_rate),
            Habit(2, self._change_setting),
        )
        self._new_transactions = _NEW_TRANSACTIONS + _where_used(company, "TaxPayment")
        self._new_list_objects = _NEW_LIST_OBJECTS + _where_used(company, "JournalCode")
        self._weights = [habit.weight for habit in self._habits]

    def act(self, count: int) -> None:
        """Make `count` changes now; one may touch several objects (a payment, its invoice, the customer)."""
        for _ in range(count):
            tried = self._rng.choices(self._habits, self._weights, k=_TRIES)
            if not any(habit.act() for habit in tried):  # stops at the first that was possible
                self._change_setting()

    async def run(self) -> None:
        """Make changes at random moments, as many a minute as was said, until cancelled."""
        if self._mean_wait_s is None:
            await anyio.sleep_forever()
            return
        while True:
            await anyio.sleep(self._rng.expovariate(1 / self._mean_wait_s))
            self.act(1)

    def _day(self) -> str:
        """Today in the company, or long ago."""
        today = self._company.offset_text(int(self._company.stamp().timestamp()))[:10]
        return later(today, -between(self._rng, 1, 900)) if chance(self._rng, _BACK_DATED) else today

    def _row(self, entity: str) -> StoredObject | None:
        rows = self._company.table(entity).all()
        return pick(self._rng, rows) if rows else None

    def _find(self, entities: tuple[str, ...], fits: Callable[[Doc], bool]) -> tuple[str, StoredObject, Doc] | None:
        """An object of one of the entities that fits, among a few tried."""
        for _ in range(_TRIES):
            entity = pick(self._rng, entities)
            row = self._row(entity)
            if row and fits(doc := decode(row.doc)):
                return entity, row, doc
        return None

    def _enter(self) -> bool:
        self._clerk.enter(pick(self._rng, self._new_transactions), self._day())
        return True

    def _enter_list_object(self) -> bool:
        self._clerk.enter(pick(self._rng, self._new_list_objects), self._day())
        return True

    def _attach(self) -> bool:
        self._clerk.enter("Attachable", self._day())
        return True

    def _publish_rate(self) -> bool:
        if not self._company.multicurrency:
            return False
        self._clerk.enter("ExchangeRate", self._day())
        return True

    def _pay(self) -> bool:
        found = self._find(("Invoice",), _is_open)
        if found:
            self._clerk.pay(found[1], self._day(), self._amount(found[2]))
        return found is not None

    def _pay_bill(self) -> bool:
        found = self._find(("Bill",), _is_open)
        if found:
            self._clerk.pay_bill(found[1], self._day(), self._amount(found[2]))
        return found is not None

    def _bank(self) -> bool:
        found = self._find(("Payment",), _is_undeposited)
        if found:
            self._clerk.bank([found[1]], self._day())
        return found is not None

    def _amount(self, doc: Doc) -> int:
        """All that is open, or half of it."""
        balance = cents(doc["Balance"])
        return balance // 2 if balance > 1 and chance(self._rng, 0.2) else balance

    def _note(self) -> bool:
        found = self._find(_NOTABLE, lambda _doc: True)
        if found:
            entity, row, _ = found
            key = "Description" if entity == "TimeActivity" else "PrivateNote"
            self._clerk.amend(entity, row, {key: f"{pick(self._rng, NOTES)} ({self._company.changes})"})
        return found is not None

    def _back_date(self) -> bool:
        found = self._find(_NOTABLE, lambda doc: "TxnDate" in doc)
        if found:
            entity, row, doc = found
            earlier = later(doc["TxnDate"], -between(self._rng, 1, 400))
            self._clerk.amend(entity, row, {"TxnDate": earlier})
        return found is not None

    def _rewrite(self) -> bool:
        found = self._find(_REWRITABLE, _is_free)
        if found:
            self._clerk.rewrite(found[0], found[1], self._day())
        return found is not None

    def _delete(self) -> bool:
        found = self._find(_DELETABLE, lambda doc: not doc.get("LinkedTxn"))
        if found:
            self._clerk.remove(found[0], found[1])
        return found is not None

    def _void(self) -> bool:
        found = self._find(_VOIDABLE, lambda doc: not doc.get("LinkedTxn") and bool(doc["TotalAmt"]))
        if found:
            self._clerk.void(found[0], found[1])
        return found is not None

    def _remark(self) -> bool:
        found = self._find(tuple(_REMARKS), lambda _doc: True)
        if found:
            entity, row, doc = found
            remark = f"{pick(self._rng, NOTES)} ({self._company.changes})"
            self._company.replace(entity, row.id, doc | {_REMARKS[entity]: remark})
        return found is not None

    def _retire_or_revive(self) -> bool:
        entity = pick(self._rng, _RETIRABLE)
        row = self._row(entity)
        if row is None or len(self._company.table(entity).all(active=True)) < 2:
            return False
        doc = decode(row.doc)
        if row.active:
            self._company.replace(entity, row.id, deactivated(entity, doc))
            self._clerk.books.forget(entity, row.id)
        else:
            self._company.replace(entity, row.id, active := reactivated(entity, doc))
            self._clerk.books.learn(entity, row.id, active)
        return True

    def _change_setting(self) -> bool:
        if chance(self._rng, 0.5):
            row = self._company.table("CompanyInfo").all()[0]
            phone = {"PrimaryPhone": {"FreeFormNumber": f"(555) 555-{between(self._rng, 1000, 9999)}"}}
            self._company.replace("CompanyInfo", row.id, decode(row.doc) | phone)
            return True
        row = self._company.table("Preferences").all()[0]
        doc = decode(row.doc)
        numbers = doc["SalesFormsPrefs"]["CustomTxnNumbers"]
        changed = {"SalesFormsPrefs": doc["SalesFormsPrefs"] | {"CustomTxnNumbers": not numbers}}
        self._company.replace("Preferences", row.id, doc | changed)
        return True


def _where_used(company: Company, entity: str) -> tuple[str, ...]:
    """The entity, if the company is in a country that has it."""
    return (entity,) if len(company.table(entity)) else ()


def _is_open(doc: Doc) -> bool:
    return cents(doc["Balance"]) > 0


def _is_undeposited(doc: Doc) -> bool:
    return not doc.get("LinkedTxn") and cents(doc["TotalAmt"]) > 0


def _is_free(doc: Doc) -> bool:
    """Whether nothing hangs on the object: it may be entered anew."""
    return not doc.get("LinkedTxn") and doc.get("TotalAmt") != 0
