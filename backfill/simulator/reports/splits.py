"""The other side of a posting, and the side that a transaction begins with."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.simulator.books.daybook import Daybook
from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.keys import NO_SPLIT, SPLIT


class Splits:
    """Of the transactions of one daybook, each looked at once."""

    def __init__(self, daybook: Daybook) -> None:
        self._daybook = daybook
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def first_account(self, posted: Posted) -> str:
        """The account that the transaction begins with: the receivable of an invoice, the bank of a check."""
        return self._ends(posted)[0] or posted.posting.account

    def of(self, posted: Posted) -> str:
        """The account on the other side; `SPLIT` where there are several, `NO_SPLIT` where there is none."""
        first, others = self._ends(posted)
        return others if posted.place == 0 or not first else first

    def _ends(self, posted: Posted) -> tuple[str, str]:
        """The account that the transaction begins with, and that of all its other lines, if it is one."""
        key = (posted.entity, posted.id)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _ends(self._daybook.of_transaction(*key))
        return found


def _ends(rows: Sequence[Posted]) -> tuple[str, str]:
    if not rows:
        return "", SPLIT  # what stock alone posts
    first, others = rows[0].posting.account, {row.posting.account for row in rows[1:]}
    if not others:
        return first, NO_SPLIT
    return first, others.pop() if len(others) == 1 else SPLIT
