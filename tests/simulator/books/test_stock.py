"""First in, first out: what is on hand, what it is worth, what each sale has cost."""

from __future__ import annotations

from random import Random

from backfill.simulator.books.entries import UNIT, Movement
from backfill.simulator.books.stock import Start, Stock


def _stock(units: int = 0, unit_cents: int = 0) -> Stock:
    return Stock(Start("pump", "2026-01-01", units * UNIT, unit_cents, "stock", "equity"))


def _in(units: int, cents: int | None) -> Movement:
    return Movement("pump", units * UNIT, "stock", "cogs", cents)


def _out(units: int) -> Movement:
    return Movement("pump", -units * UNIT, "stock", "cogs")


def _back(units: int) -> Movement:
    return Movement("pump", units * UNIT, "stock", "cogs", None, is_return=True)


def _costs(stock: Stock) -> dict[str, int]:
    """Id to what the movement posts on the asset account."""
    return {costed.moved.id: sum(p.cents for p in costed.postings if p.account == "stock") for costed in stock.costs()}


def test_a_sale_costs_what_was_bought_first() -> None:
    stock = _stock(10, 100)
    stock.add("Bill", "1", "2026-02-01", _in(10, 2000))
    stock.add("Invoice", "2", "2026-03-01", _out(4))
    stock.add("Invoice", "3", "2026-04-01", _out(10))
    assert _costs(stock) == {"2": -400, "3": -600 - 800}
    assert (stock.on_hand, stock.value) == (6 * UNIT, 1200)
    assert stock.totals() == {"stock": 1000 - 1800, "cogs": 1800, "equity": -1000}


def test_a_back_dated_purchase_changes_what_was_sold_after_it() -> None:
    stock = _stock()
    stock.add("Bill", "1", "2026-02-01", _in(5, 1000))
    stock.add("Invoice", "2", "2026-03-01", _out(5))
    stock.add("Bill", "3", "2026-01-15", _in(5, 500))
    assert _costs(stock) == {"2": -500}
    stock.drop("Bill", "3")
    assert _costs(stock) == {"2": -1000}


def test_what_was_sold_before_it_was_bought_costs_what_it_is_bought_for() -> None:
    stock = _stock(0, 70)
    stock.add("Invoice", "1", "2026-02-01", _out(2))
    assert (_costs(stock), stock.value) == ({"1": -140}, -140)
    stock.add("Bill", "2", "2026-03-01", _in(4, 400))
    assert (_costs(stock), stock.value) == ({"1": -200}, 200)


def test_what_is_returned_comes_back_at_the_cost_it_left_at() -> None:
    stock = _stock(10, 100)
    stock.add("Bill", "9", "2026-01-15", _in(1, 500))
    stock.add("Invoice", "1", "2026-02-01", _out(4))
    stock.add("CreditMemo", "2", "2026-02-02", _back(1))
    assert _costs(stock) == {"1": -400, "2": 100}
    assert (stock.on_hand, stock.value) == (8 * UNIT, 1200)


def test_what_is_found_is_worth_what_was_bought_last() -> None:
    stock = _stock(1, 100)
    stock.add("Bill", "1", "2026-02-01", _in(2, 500))
    stock.add("InventoryAdjustment", "2", "2026-03-01", _in(3, None))
    assert (_costs(stock), stock.value) == ({"2": 750}, 100 + 500 + 750)


def test_on_one_day_what_comes_in_is_there_before_what_goes_out() -> None:
    stock = _stock()
    stock.add("Invoice", "1", "2026-02-01", _out(1))
    stock.add("Bill", "2", "2026-02-01", _in(1, 300))
    assert [costed.moved.id for costed in stock.costs()] == ["1"]
    assert _costs(stock) == {"1": -300}


def test_all_that_a_transaction_moved_goes_with_it_and_nothing_else() -> None:
    stock = _stock(9, 100)
    for entity, number in (("Invoice", "1"), ("Bill", "1"), ("Invoice", "2"), ("Invoice", "1")):
        stock.add(entity, number, "2026-02-01", _out(1))
    stock.drop("Invoice", "1")
    assert (stock.on_hand, list(_costs(stock))) == (7 * UNIT, ["1", "2"])
    stock.drop("Invoice", "1")
    assert stock.on_hand == 7 * UNIT


def test_value_is_what_came_in_less_what_sales_cost_whatever_happens() -> None:
    rng = Random(5)
    stock = _stock(7, 333)
    there: list[tuple[str, str, str, Movement]] = []
    for number in range(400):
        if there and rng.random() < 0.4:
            stock.drop(*there.pop(rng.randrange(len(there)))[:2])
        else:
            micros = rng.randrange(1, 9 * UNIT)
            kinds = [
                Movement("pump", micros, "stock", "cogs", rng.randrange(10_000)),
                Movement("pump", -micros, "stock", "cogs"),
                Movement("pump", micros, "stock", "cogs", None, is_return=True),
            ]
            made = ("Bill", str(number), f"2026-01-{rng.randrange(1, 29):02}", rng.choice(kinds))
            stock.add(*made)
            there.append(made)
        moved = [movement for *_, movement in there]
        assert stock.on_hand == 7 * UNIT + sum(movement.micros for movement in moved)
        brought = sum(movement.cents or 0 for movement in moved)
        assert stock.value == brought + stock.totals()["stock"], "to the cent"
        assert sum(stock.totals().values()) == 0
