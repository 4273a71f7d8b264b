"""Companies of copies, and all of their rows made one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.fleet import Fleet
from backfill.simulator.sown.history import History
from backfill.simulator.stored import StoredObject

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY_CURRENCIES, PLAIN, FRANCE, BRITAIN = range(4)
ROWS = 5_200
"""Enough for an import that is larger than a page."""

CompanyOf = Callable[[int], Company]
HistoryOf = Callable[[int], History]


def fleet(rows: int = ROWS) -> Fleet:
    return Fleet(realms=4, seed=31, now=lambda: NOW, rows_min=rows, rows_max=rows)


@cache
def every_row(history: History) -> Mapping[str, Sequence[StoredObject]]:
    """Every row, by entity: the core's in their order, each with its copies."""
    return {
        entity: [
            history.table(entity).made(number, copy)
            for number in range(len(history.table(entity).core()))
            for copy in range(history.table(entity).copies_of(number))
        ]
        for entity in TRAITS
    }
