"""Every posting in order, between days, by account, by party: what reports ask for."""

from __future__ import annotations

from backfill.simulator.books.daybook import START, Daybook
from backfill.simulator.books.entries import UNIT, Booked, Effects, Movement, Party, Posting
from backfill.simulator.books.stock import Start, Stock

AMY, BOB = Party("Customer", "1"), Party("Customer", "2")


def _booked(number: str, day: str, cents: int, party: Party) -> Booked:
    postings = (Posting("ar", cents, cents, party), Posting("income", -cents, -cents, party, line=0))
    return Booked("Invoice", number, day, Effects(postings, ()))


def _daybook() -> Daybook:
    daybook = Daybook({})
    entered = [
        _booked("10", "2026-01-02", 5, AMY),
        _booked("9", "2026-01-02", 7, BOB),
        _booked("11", "2026-01-01", 1, AMY),
    ]
    daybook.replace((), entered)
    return daybook


def test_postings_come_by_day_then_as_entered_then_as_in_the_document() -> None:
    rows = [(posted.id, posted.posting.line) for posted in _daybook().postings()]
    assert rows == [("11", -1), ("11", 0), ("9", -1), ("9", 0), ("10", -1), ("10", 0)]


def test_a_period_has_both_its_ends() -> None:
    daybook = _daybook()
    assert {posted.id for posted in daybook.postings(start="2026-01-02")} == {"9", "10"}
    assert {posted.id for posted in daybook.postings(end="2026-01-01")} == {"11"}
    of_account = daybook.postings(start="2026-01-01", end="2026-01-02", account="ar")
    assert [posted.posting.cents for posted in of_account] == [1, 7, 5]
    assert list(daybook.postings(account="nowhere")) == []


def test_balances_are_as_of_the_end_of_a_day_and_add_up_to_nothing() -> None:
    daybook = _daybook()
    assert daybook.balances(as_of="2025-12-31") == {}
    assert daybook.balances(as_of="2026-01-01") == {"ar": 1, "income": -1}
    assert daybook.balances() == {"ar": 13, "income": -13}


def test_a_change_takes_the_place_of_what_was_booked() -> None:
    daybook = _daybook()
    daybook.replace([_booked("9", "2026-01-02", 7, BOB)], [Booked("Invoice", "9")])
    daybook.replace([_booked("10", "2026-01-02", 5, AMY)], [_booked("10", "2025-01-01", 2, BOB)])
    assert len(daybook) == 2
    assert daybook.balances() == {"ar": 3, "income": -3}
    assert next(iter(daybook.postings())).day == "2025-01-01"


def test_costs_of_stock_are_among_the_postings_and_so_is_what_it_began_with() -> None:
    stock = Stock(Start("pump", "2026-01-01", 2 * UNIT, 50, "stock", "equity"))
    stock.add("Invoice", "5", "2026-01-03", Movement("pump", -UNIT, "stock", "cogs", party=AMY, line=2))
    daybook = Daybook({"pump": stock})
    rows = [(posted.day, posted.entity, posted.posting.account, posted.posting.cents) for posted in daybook.postings()]
    assert rows == [
        ("2026-01-01", START, "stock", 100),
        ("2026-01-01", START, "equity", -100),
        ("2026-01-03", "Invoice", "stock", -50),
        ("2026-01-03", "Invoice", "cogs", 50),
    ]
    assert daybook.postings()[-1].posting.party == AMY


def test_a_change_of_stock_costs_anew_what_was_sold_before() -> None:
    stock = Stock(Start("pump", "2026-01-01", UNIT, 50, "stock", "equity"))
    daybook = Daybook({"pump": stock})
    sold = Movement("pump", -2 * UNIT, "stock", "cogs", line=0)
    stock.add("Invoice", "5", "2026-01-03", sold)
    daybook.replace((), [Booked("Invoice", "5", "2026-01-03", Effects((), (sold,)))])
    assert daybook.balances()["cogs"] == 100
    bought = Movement("pump", UNIT, "stock", "cogs", cents=70, line=0)
    stock.add("Bill", "6", "2026-01-02", bought)
    paid = (Posting("stock", 70, 70, line=0), Posting("ap", -70, -70))
    daybook.replace((), [Booked("Bill", "6", "2026-01-02", Effects(paid, (bought,)))])
    assert daybook.balances(as_of="2026-01-02") == {"equity": -50, "stock": 120, "ap": -70}
    assert daybook.balances() == {"equity": -50, "ap": -70, "cogs": 120}
    assert [posted.posting.cents for posted in daybook.postings(account="cogs")] == [120]


def test_a_transaction_s_postings_stay_in_its_own_order_whatever_account_they_are_on() -> None:
    daybook = Daybook({})
    postings = (Posting("z", 3, 3), Posting("a", -1, -1, line=0), Posting("m", -2, -2))
    daybook.replace((), [Booked("Invoice", "1", "2026-01-01", Effects(postings, ()))])
    assert [posted.posting.account for posted in daybook.postings()] == ["z", "a", "m"]
    assert [posted.posting for posted in daybook.of_transaction("Invoice", "1")] == list(postings)
