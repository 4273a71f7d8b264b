"""What a transaction does to the books: postings to accounts, and movements of stock."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec


class Party(NamedTuple):
    """Whose name a posting bears: `Customer`, `Vendor` or `Employee`, and its Id; both empty where nobody's."""

    kind: str
    id: str


NOBODY = Party("", "")

UNIT = 1_000_000
"""Quantities are counted in millionths: more places than QuickBooks shows."""


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One amount on one account. The postings of a transaction add up to 0, in `cents` and in `amount`."""

    account: str
    """The account's Id; the key of a role (`roles.ROLES`) where the company has no such account yet."""
    cents: int
    """Home currency, debit positive."""
    amount: int
    """Cents of the transaction's own currency, debit positive; 0 in a gain or loss by exchange."""
    party: Party = NOBODY
    klass: str = ""
    department: str = ""
    item: str = ""
    customer: str = ""
    """Whom the line is tagged with (a cost that is billable to a customer), beside the party of the whole."""
    line: int = -1
    """Index in the document's `Line`; -1 for what the whole document posts, such as its receivable."""

    @property
    def side(self) -> str:
        return "Credit" if self.cents < 0 else "Debit"


class Movement(msgspec.Struct, frozen=True, gc=False):
    """Stock of one item that comes in (`micros` above 0) or goes out, in millionths of a unit.

    What comes in brings its value in `cents`, which the document itself posts to the asset account, or has None:
    then it is valued at the latest cost. What goes out, or is returned (`is_return`), is valued by what came in
    first. What stock itself has to post goes to `asset` and, the other way, to `counter`.
    """

    item: str
    micros: int
    asset: str
    counter: str
    cents: int | None = None
    is_return: bool = False
    party: Party = NOBODY
    klass: str = ""
    department: str = ""
    line: int = -1


class Effects(NamedTuple):
    """All that one transaction does."""

    postings: tuple[Posting, ...]
    movements: tuple[Movement, ...]


NO_EFFECTS = Effects((), ())


class Booked(NamedTuple):
    """One transaction as it is booked; without effects where there is none."""

    entity: str
    id: str
    day: str = ""
    effects: Effects = NO_EFFECTS


def micros(quantity: Decimal | float) -> int:
    """A quantity in millionths of a unit."""
    return int((Decimal(quantity) * UNIT).to_integral_value())


def quantity(millionths: int) -> Decimal | int:
    """Millionths as a quantity is shown: `12`, `2.5`."""
    if millionths % UNIT == 0:
        return millionths // UNIT
    return Decimal(millionths).scaleb(-6).normalize()
