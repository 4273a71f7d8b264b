"""The stock of an item of a copy is what the copy's documents give."""

from __future__ import annotations

import pytest

from backfill.simulator.books.ledger import Ledger
from backfill.simulator.books.opening import transactions
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.documents import decode
from tests.simulator.sown.worlds import FRANCE, MANY_CURRENCIES, PLAIN, CompanyOf


@pytest.mark.parametrize("number", [MANY_CURRENCIES, PLAIN, FRANCE])
def test_stocks_are_those_of_the_documents(number: int, company_of: CompanyOf) -> None:
    company = company_of(number)
    assert company.ledger
    sown = company.ledger.stocks
    fresh = Ledger(StoredLists(company), lambda: ())
    for stock in sown.values():
        fresh.set_up(stock.start)
    for transaction in transactions(company):
        fresh.enter(fresh.booked(transaction))
    items = [row for row in company.table("Item").all() if decode(row.doc)["Type"] == "Inventory"]
    assert sorted(sown) == sorted(row.id for row in items)
    assert len(sown) == len(items) > 10
    for row in items:
        doc, stock, other = decode(row.doc), sown[row.id], fresh.stocks[row.id]
        assert list(stock.moved) == list(other.moved)
        assert (stock.on_hand, stock.value, stock.totals()) == (other.on_hand, other.value, other.totals())
        assert (stock.start.item, stock.start.day) == (row.id, doc["InvStartDate"])


def test_what_was_never_in_stock_has_none(company_of: CompanyOf) -> None:
    ledger = company_of(PLAIN).ledger
    assert ledger
    for unknown in ("1", "0", "x", "999999999"):
        assert unknown not in ledger.stocks
        assert ledger.stocks.get(unknown) is None
