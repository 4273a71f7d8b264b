"""Makes a company's ledger from what is stored, and puts right balances that differ from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from backfill.simulator.books.balances import account_balances
from backfill.simulator.books.entries import micros
from backfill.simulator.books.ledger import Ledger, Transaction
from backfill.simulator.books.links import Target
from backfill.simulator.books.lists import Lists, item_facts
from backfill.simulator.books.postings import POSTINGS
from backfill.simulator.books.roles import INVENTORY, OPENING, ROLES, new_account
from backfill.simulator.books.stock import Start
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.books.tally import Tally
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, money

Instead = Mapping[Target, Doc | None]
"""Versions that count in place of the stored ones; None: it is not there."""


def ledger_of(company: Company, instead: Instead | None = None) -> Ledger:
    """The company's ledger, made at the first call; `instead` says what a change has already replaced by then."""
    if company.ledger is None:
        company.ledger = _read(company, instead or {})
    return company.ledger


def transactions(company: Company, instead: Instead | None = None) -> Iterator[Transaction]:
    """Every transaction that is stored."""
    changed = dict(instead or {})
    for entity in POSTINGS:
        if TRAITS[entity].wrapped:
            continue  # templates: they post nothing
        for row in company.table(entity).all():
            target = Target(entity, row.id)
            yield Transaction(entity, row.id, changed.pop(target) if target in changed else decode(row.doc))
    for (entity, object_id), doc in changed.items():
        if entity in POSTINGS:
            yield Transaction(entity, object_id, doc)


def start_of(lists: Lists, item: str, doc: Doc, on_hand: int) -> Start:
    """What an item begins its stock with: `on_hand` millionths at its purchase cost."""
    return Start(
        item,
        str(doc.get("InvStartDate") or ""),
        max(0, on_hand),
        cents(doc.get("PurchaseCost") or 0),
        item_facts(doc).asset or lists.role(INVENTORY),
        lists.role(OPENING),
    )


def make_missing(company: Company, accounts: set[str]) -> bool:
    """Add the accounts that were posted to by role because the chart has none; whether there were any."""
    missing = sorted(accounts & ROLES.keys())
    for role in missing:
        doc = new_account(ROLES[role], {"value": company.home_currency})
        company.create("Account", doc)
    return bool(missing)


def recount(company: Company, *, counted: bool = False) -> None:
    """Everything from the start: after a change of the lists that changes what old transactions post."""
    old = ledger_of(company)
    lists = StoredLists(company)
    ledger = company.ledger = Ledger(lists, lambda: transactions(company))
    tally = Tally(lists)
    for item, stock in old.stocks.items():
        row = company.table("Item").get(item)
        asset = item_facts(decode(row.doc)).asset if row else ""
        ledger.set_up(stock.start._replace(asset=asset or stock.start.asset))
    for transaction in transactions(company):
        booked = ledger.booked(transaction)
        ledger.enter(booked)
        tally.add(booked.effects.postings)
    for stock in ledger.stocks.values():
        tally.add_sums(stock.totals())
    _write_right(company, ledger, tally.moves().accounts, counted=counted)


def _write_right(company: Company, ledger: Ledger, sums: dict[str, tuple[int, int]], *, counted: bool) -> None:
    """Store every account whose balance, its own or with all below, is not what the sums say."""
    accounts = [facts for row in company.table("Account").all() if (facts := ledger.lists.account(row.id))]
    balances = account_balances(accounts, company.home_currency, sums)
    for row in company.table("Account").all():
        doc = decode(row.doc)
        right = {key: money(amount) for key, amount in balances[row.id].items()}
        if any(doc.get(key, 0) != amount for key, amount in right.items()):
            company.replace("Account", row.id, {**doc, **right}, counted=counted)


def _read(company: Company, instead: Instead) -> Ledger:
    """Stock begins with what is on hand now less what the transactions have moved."""
    lists = StoredLists(company)
    ledger = Ledger(lists, lambda: transactions(company))
    read = [ledger.booked(transaction) for transaction in transactions(company, instead)]
    moved: dict[str, int] = defaultdict(int)
    for booked in read:
        for movement in booked.effects.movements:
            moved[movement.item] += movement.micros
    for row in company.table("Item").all():
        target = Target("Item", row.id)
        doc = instead[target] if target in instead else decode(row.doc)
        if doc is not None and doc.get("Type") == "Inventory":
            on_hand = micros(doc.get("QtyOnHand") or 0) - moved[row.id]
            ledger.set_up(start_of(lists, row.id, doc, on_hand))
    for booked in read:
        ledger.enter(booked)
    return ledger
