"""What a change of one object does everywhere else: links, what is left to pay, balances, stock on hand.

Whoever stores a created, updated, voided or deleted object calls `settle` once, after it is stored.
"""

from __future__ import annotations

from backfill.simulator.books.balances import write_moves
from backfill.simulator.books.entries import Booked, micros
from backfill.simulator.books.ledger import Transaction, items_of
from backfill.simulator.books.links import (
    SETTLES,
    Target,
    linked_from,
    marked,
    settled_by,
    target_of,
    with_figures,
    with_link,
    without_settling,
)
from backfill.simulator.books.lists import Rate, item_facts
from backfill.simulator.books.opening import ledger_of, make_missing, recount, start_of
from backfill.simulator.books.postings import POSTINGS
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.books.tally import NO_MOVES
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode

_ACCOUNT_AT_WORK = ("AccountType", "AccountSubType", "CurrencyRef", "Name", "ParentRef")
"""What postings and balances depend on in an Account."""


def settle(
    company: Company, entity: str, before: Doc | None, after: Doc | None, *, counted_balances: bool = False
) -> None:
    """Make the rest of the company follow a change that is stored already.

    The documents are the stored ones, with their Ids: `before` None where it was created, `after` None where it was
    deleted. Objects of the lists may be settled too; of those an Item's stock and an Account's type matter.

    A linked document whose open balance moves gets a new SyncToken, as recorded. An account, customer, vendor or
    item whose balance or stock moves keeps its own, also as recorded, unless `counted_balances`.
    """
    if entity == "Item":
        _settle_item(company, before, after, counted=counted_balances)
    elif entity == "Account":
        if before and after and any(before.get(key) != after.get(key) for key in _ACCOUNT_AT_WORK):
            recount(company, counted=counted_balances)  # with new lists, which know nothing of the old chart
    elif entity in POSTINGS and not TRAITS[entity].wrapped:
        _Settlement(company, entity, before, after).run(counted=counted_balances)


class _Settlement:
    """One change of one transaction, with the changes of others that follow from it."""

    def __init__(self, company: Company, entity: str, before: Doc | None, after: Doc | None) -> None:
        self._company = company
        self._me = Target(entity, str((after or before or {})["Id"]))
        self._before = before
        self._after = after
        self._ledger = ledger_of(company, {self._me: before})
        self._changes: dict[Target, tuple[Doc | None, Doc | None]] = {}

    def run(self, *, counted: bool) -> None:
        self._free()
        self._changes[self._me] = (self._before, self._own())
        self._relink()
        self._revalue()
        before, after = self._booked()
        moves = self._ledger.move(before, after)
        write_moves(self._company, self._ledger, moves, items_of(before, after), counted=counted)

    def _gone(self) -> bool:
        """Deleted or voided: what had settled it settles it no more."""
        return self._after is None or (
            TRAITS[self._me.entity].voidable and "TotalAmt" in self._after and not cents(self._after["TotalAmt"])
        )

    def _free(self) -> None:
        """Take the lines off that settled what is gone: the money stays with the customer, unapplied."""
        if self._before is None or not self._gone():
            return
        for payer in linked_from(self._me.entity, self._before):
            doc = self._stored(payer)
            if doc is None or self._me not in settled_by(payer.entity, doc):
                continue
            freed = with_figures(payer.entity, without_settling(payer.entity, doc, self._me), 0)
            self._company.replace(payer.entity, payer.id, freed)
            self._changes[payer] = (doc, freed)

    def _own(self) -> Doc | None:
        """The document itself with what only the books know: links that others made, and its own open balance."""
        after = self._after
        if after is None:
            return None
        entity = self._me.entity
        kept = [] if self._gone() or self._before is None else list(linked_from(entity, self._before))
        mine = [
            link
            for link in after.get("LinkedTxn") or ()
            if target_of(link).entity in SETTLES.get(entity, {})
            or entity not in SETTLES.get(target_of(link).entity, {})
            or target_of(link) in kept
        ]
        doc = after if mine == (after.get("LinkedTxn") or []) else {**after, "LinkedTxn": mine}
        for payer in kept:
            if payer not in map(target_of, doc.get("LinkedTxn") or ()):
                doc = with_link(doc, payer, present=True)
        doc = with_figures(entity, doc, self._paid(doc))
        if doc != after:
            self._company.replace(entity, self._me.id, doc, counted=False)
        return doc

    def _relink(self) -> None:
        """The other ends of its own links: each knows of it, and what it leaves open."""
        old = settled_by(self._me.entity, self._before)
        new = settled_by(self._me.entity, self._after)
        for target in sorted(old.keys() | new.keys()):
            doc = self._stored(target)
            if doc is None or old.get(target) == new.get(target):
                continue
            linked = with_link(doc, self._me, present=target in new)
            if linked is not doc:
                linked = marked(target.entity, linked, linked=target in new)
            linked = with_figures(target.entity, linked, self._paid(linked, target))
            if linked != doc:
                self._company.replace(target.entity, target.id, linked)

    def _revalue(self) -> None:
        """Where its own rate changed, whoever settled it has gained or lost something else."""
        if self._before is None or self._after is None or _rate(self._before) == _rate(self._after):
            return
        for payer in linked_from(self._me.entity, self._before):
            doc = self._stored(payer)
            if payer not in self._changes and doc is not None:
                self._changes[payer] = (doc, doc)

    def _booked(self) -> tuple[list[Booked], list[Booked]]:
        """All changes as they were booked and are to be booked; accounts that are missing are made."""
        while True:
            before, after = self._sides()
            accounts = {post.account for side in (before, after) for booked in side for post in booked.effects.postings}
            accounts |= {
                account
                for side in (before, after)
                for booked in side
                for movement in booked.effects.movements
                for account in (movement.asset, movement.counter)
            }
            if not make_missing(self._company, accounts):
                return before, after

    def _sides(self) -> tuple[list[Booked], list[Booked]]:
        """With the rate that it had, and with that which it has."""
        sides: list[list[Booked]] = []
        lists = self._ledger.lists
        assert isinstance(lists, StoredLists)
        for number, doc in enumerate((self._before, self._after)):
            rates: dict[tuple[str, str], Rate | None] = {self._me: _rate(doc)} if doc else {}
            lists.overlay(rates)
            sides.append(
                [
                    self._ledger.booked(Transaction(target.entity, target.id, change[number]))
                    for target, change in self._changes.items()
                ]
            )
        lists.overlay({})
        return sides[0], sides[1]

    def _paid(self, doc: Doc, target: Target | None = None) -> int:
        """Cents that others settle of the document."""
        target = target or self._me
        return sum(
            settled_by(payer.entity, self._stored(payer)).get(target, 0) for payer in linked_from(target.entity, doc)
        )

    def _stored(self, target: Target) -> Doc | None:
        row = self._company.table(target.entity).get(target.id)
        return decode(row.doc) if row else None


def _rate(doc: Doc) -> Rate | None:
    return doc.get("ExchangeRate") or None


def _settle_item(company: Company, before: Doc | None, after: Doc | None, *, counted: bool) -> None:
    """An item new in stock is worth something from now on; one that posts elsewhere now has always done so."""
    if after is None:
        return
    item = str(after["Id"])
    ledger = ledger_of(company, {Target("Item", item): None})
    if after.get("Type") == "Inventory" and item not in ledger.stocks:
        start = start_of(ledger.lists, item, after, micros(after.get("QtyOnHand") or 0))
        if make_missing(company, {start.asset, start.opening}):
            start = start_of(ledger.lists, item, after, start.micros)
        moves = ledger.set_up(start)
        write_moves(company, ledger, moves, (item,), counted=counted)
    elif before is not None and item_facts(before) != item_facts(after):
        recount(company, counted=counted)
    if item in ledger.stocks:  # what the client says of the quantity of an old item does not count
        write_moves(company, ledger_of(company), NO_MOVES, (item,), counted=counted)
