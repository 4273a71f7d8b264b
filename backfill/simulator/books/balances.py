"""Writes into a company's objects what the ledger says has moved: balances of accounts and parties, stock on hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from backfill.simulator.books.entries import Party, quantity
from backfill.simulator.books.ledger import Ledger
from backfill.simulator.books.lists import AccountFacts, reference
from backfill.simulator.books.tally import Moves
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, money

_MAX_LEVELS = 5  # of customers, and of accounts, below one another, as QuickBooks allows

OWN, WITH_ALL_BELOW = 0, 1
_ACCOUNT_KEYS = ("CurrentBalance", "CurrentBalanceWithSubAccounts")
_PARTY_KEYS = {"Customer": ("Balance", "BalanceWithJobs"), "Vendor": ("Balance",)}


def balance_of(facts: AccountFacts, home: str, sums: tuple[int, int]) -> int:
    """An account's balance in its own currency: `sums` are (cents of home currency, of the transactions')."""
    if not facts.has_balance:
        return 0
    return sums[0] if facts.currency == home else sums[1]


def account_balances(
    accounts: Iterable[AccountFacts], home: str, sums: Mapping[str, tuple[int, int]]
) -> dict[str, dict[str, int]]:
    """Account to what its two attributes show, in cents, where all its postings add up to `sums`."""
    facts = {account.id: account for account in accounts}
    shown = {account: dict.fromkeys(_ACCOUNT_KEYS, 0) for account in facts}
    for account in facts.values():
        own = balance_of(account, home, sums.get(account.id, (0, 0)))
        shown[account.id][_ACCOUNT_KEYS[OWN]] = own
        above: AccountFacts | None = account
        for _ in range(_MAX_LEVELS):
            if above is None:
                break
            shown[above.id][_ACCOUNT_KEYS[WITH_ALL_BELOW]] += own
            above = facts.get(above.parent)
    return shown


def write_moves(company: Company, ledger: Ledger, moves: Moves, items: Iterable[str], *, counted: bool) -> None:
    """Store every object whose balance or stock moves, once. `counted`: its SyncToken moves as well."""
    _write_accounts(company, ledger, moves.accounts, counted=counted)
    for kind in _PARTY_KEYS:
        _write_parties(company, kind, moves.parties, counted=counted)
    for item in items:
        _write_stock(company, ledger, item, counted=counted)


def _write_accounts(company: Company, ledger: Ledger, sums: dict[str, tuple[int, int]], *, counted: bool) -> None:
    moved: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for account, pair in sums.items():
        facts = ledger.lists.account(account)
        amount = balance_of(facts, company.home_currency, pair) if facts else 0
        if not amount:
            continue
        moved[account][OWN] += amount
        for _ in range(_MAX_LEVELS):
            if facts is None:
                break
            moved[facts.id][WITH_ALL_BELOW] += amount
            facts = ledger.lists.account(facts.parent)
    for account, amounts in moved.items():
        _add(company, "Account", account, dict(zip(_ACCOUNT_KEYS, amounts, strict=True)), counted=counted)


def _write_parties(company: Company, kind: str, owed: dict[Party, int], *, counted: bool) -> None:
    moved: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for party, amount in owed.items():
        if party.kind != kind or company.table(kind).get(party.id) is None:
            continue
        moved[party.id][OWN] += amount
        for above in _upwards(company, kind, party.id):
            moved[above][WITH_ALL_BELOW] += amount
    keys = _PARTY_KEYS[kind]
    for party_id, amounts in moved.items():
        _add(company, kind, party_id, dict(zip(keys, amounts[: len(keys)], strict=True)), counted=counted)


def _upwards(company: Company, kind: str, party_id: str) -> list[str]:
    """The party and all above it. Vendors have none above them."""
    found = [party_id]
    while kind == "Customer" and len(found) < _MAX_LEVELS:
        row = company.table(kind).get(found[-1])
        above = reference(decode(row.doc), "ParentRef") if row else ""
        if not above or above in found:
            break
        found.append(above)
    return found


def _write_stock(company: Company, ledger: Ledger, item: str, *, counted: bool) -> None:
    row, stock = company.table("Item").get(item), ledger.stocks.get(item)
    if row is None or stock is None:
        return
    doc = decode(row.doc)
    on_hand = quantity(stock.on_hand)
    if doc.get("QtyOnHand") != on_hand:
        company.replace("Item", item, {**doc, "QtyOnHand": on_hand}, counted=counted)


def _add(company: Company, entity: str, object_id: str, amounts: dict[str, int], *, counted: bool) -> None:
    row = company.table(entity).get(object_id)
    if row is None:
        return
    doc: Doc = decode(row.doc)
    moved = {key: money(cents(doc.get(key) or 0) + amount) for key, amount in amounts.items() if amount}
    if moved:
        company.replace(entity, object_id, {**doc, **moved}, counted=counted)
