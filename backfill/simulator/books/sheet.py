"""The sheet on which one transaction is posted: it keeps both sides of every amount, and closes balanced."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from backfill.simulator.books.entries import NOBODY, Effects, Movement, Party, Posting
from backfill.simulator.books.lists import Lists, Rate, reference
from backfill.simulator.books.roles import INVENTORY
from backfill.simulator.documents import Doc, cents

_NO_DETAIL: Doc = {}


class Sheet:
    """Collects the postings of `doc`. Amounts are cents of the document's currency, debit positive."""

    __slots__ = ("_department", "_party", "_postings", "currency", "doc", "lists", "movements", "rate")

    def __init__(self, doc: Doc, lists: Lists, party: Party = NOBODY) -> None:
        self.doc = doc
        self.lists = lists
        self.currency = reference(doc, "CurrencyRef")
        self.rate: Rate = doc.get("ExchangeRate") or 1
        self.movements: list[Movement] = []
        self._party = party
        self._department = reference(doc, "DepartmentRef")
        self._postings: list[Posting] = []

    def post(
        self,
        account: str,
        amount: int,
        *,
        detail: Doc = _NO_DETAIL,
        line: int = -1,
        party: Party | None = None,
        rate: Rate | None = None,
    ) -> None:
        """Put `amount` on `account`; `detail` is a line's, for its class, item and customer."""
        if not amount:
            return
        self._postings.append(
            Posting(
                account,
                in_home(amount, self.rate if rate is None else rate),
                amount,
                self._party if party is None else party,
                reference(detail, "ClassRef"),
                reference(detail, "DepartmentRef") or self._department,
                reference(detail, "ItemRef"),
                reference(detail, "CustomerRef"),
                line,
            )
        )

    def move(self, item: str, count: int, counter: str, value: int | None, detail: Doc, line: int) -> None:
        """Move `count` millionths of an item in stock; what comes in without a value is a return."""
        facts = self.lists.item(item)
        self.movements.append(
            Movement(
                item,
                count,
                facts.asset or self.lists.role(INVENTORY),
                counter,
                value,
                value is None and count > 0,
                self._party,
                reference(detail, "ClassRef"),
                reference(detail, "DepartmentRef") or self._department,
                line,
            )
        )

    def total(self, key: str = "TotalAmt") -> int:
        return cents(self.doc.get(key) or 0)

    def close(self, fallback: str) -> Effects:
        """The postings, made to balance.

        In the document's currency nothing is left over unless its lines do not add up to its total: that goes to
        the account of the role `fallback`, where it can be seen. What rounding leaves over in home currency goes
        to the largest of the lines' postings, and with it into the value of what came into stock by that line.
        """
        over = sum(posting.amount for posting in self._postings)
        if over:
            self.post(self.lists.role(fallback), -over)
        self._absorb(sum(posting.cents for posting in self._postings))
        return Effects(tuple(self._postings), tuple(self.movements))

    def exchange(self, role: str) -> None:
        """Post what has been gained or lost because the parts were settled at other rates."""
        over = sum(posting.cents for posting in self._postings)
        if over:
            self._postings.append(Posting(self.lists.role(role), -over, 0, self._party))

    def _absorb(self, over: int) -> None:
        if not over:
            return
        index = max(
            range(len(self._postings)),
            key=lambda number: (self._postings[number].line >= 0, abs(self._postings[number].cents)),
        )
        old = self._postings[index]
        right = old.cents - over
        self._postings[index] = msgspec.structs.replace(old, cents=right)
        for number, movement in enumerate(self.movements):
            if (movement.line, movement.asset, movement.cents) == (old.line, old.account, old.cents):
                self.movements[number] = msgspec.structs.replace(movement, cents=right)
                return


def in_home(amount: int, rate: Rate) -> int:
    """Cents of a currency in cents of the home currency."""
    if rate == 1:
        return amount
    return int((amount * Decimal(rate)).to_integral_value())
