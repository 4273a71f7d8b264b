"""Sums of postings: what a change, or a whole history, moves on accounts and with parties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from backfill.simulator.books.entries import Party, Posting
from backfill.simulator.books.lists import Lists
from backfill.simulator.books.roles import PAYABLE, RECEIVABLE

_CONTROLS = {
    "Accounts Receivable": ("Customer", 1),
    "Accounts Payable": ("Vendor", -1),
    RECEIVABLE: ("Customer", 1),
    PAYABLE: ("Vendor", -1),
}
"""Type of account (or role of a missing one) whose postings are a party's balance, whose, and the sign shown."""


class Moves(NamedTuple):
    """What moves. Only what moves by more than 0 is in it."""

    accounts: dict[str, tuple[int, int]]
    """Account to (cents of home currency, cents of the transactions' own currency), debit positive."""
    parties: dict[Party, int]
    """Customer to what it owes more than before, vendor to what it is owed: cents of the transactions' currency."""


NO_MOVES = Moves({}, {})


class Tally:
    """Adds postings up."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._accounts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._parties: dict[Party, int] = defaultdict(int)

    def add(self, postings: Iterable[Posting], side: int = 1) -> None:
        """`side` -1: take them off."""
        for posting in postings:
            sums = self._accounts[posting.account]
            sums[0] += side * posting.cents
            sums[1] += side * posting.amount
            if posting.party.id:
                self._owe(posting, side)

    def add_sums(self, sums: dict[str, int], side: int = 1) -> None:
        """Of home currency and nobody's: account to cents."""
        for account, cents in sums.items():
            self._accounts[account][0] += side * cents
            self._accounts[account][1] += side * cents

    def moves(self) -> Moves:
        return Moves(
            {account: (sums[0], sums[1]) for account, sums in self._accounts.items() if any(sums)},
            {party: amount for party, amount in self._parties.items() if amount},
        )

    def _owe(self, posting: Posting, side: int) -> None:
        facts = self._lists.account(posting.account)
        kind, sign = _CONTROLS.get(facts.kind if facts else posting.account, ("", 0))
        if posting.party.kind == kind:
            self._parties[posting.party] += side * sign * posting.amount
