"""All that a company begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backfill.simulator.books.stock import Stock
from backfill.simulator.sown.layout import Layout
from backfill.simulator.sown.rows import SownRows


class History:
    """A company's sown rows by entity, and the stock that they leave. `rows_held`: how many are in memory."""

    def __init__(self, layout: Layout, tables: Mapping[str, SownRows], stocks: Mapping[str, Stock]) -> None:
        self.layout = layout
        self.stocks = stocks
        self.rows_held = sum(len(table.core()) for table in tables.values())
        self._tables = tables

    def table(self, entity: str) -> SownRows:
        return self._tables[entity]


HistoryOf = Callable[[], History]
"""Gives a company's history, sown anew where its memory was given up in between: always the same."""
