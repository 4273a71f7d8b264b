"""Statements: what Intuit's parser would read back out of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.query.parser import parse

INVOICE, CUSTOMER = CATALOGUE["Invoice"], CATALOGUE["Customer"]
NINE = datetime(2026, 1, 31, 9, 0, 0, tzinfo=UTC)


def unquoted(literal: str) -> str:
    """A literal read as the reference says: a backslash makes the next character plain."""
    assert literal[0] == literal[-1] == "'"
    value, characters = "", iter(literal[1:-1])
    for character in characters:
        assert character != "'", "the literal ends early"
        value += next(characters) if character == "\\" else character
    return value


@given(st.text())
def test_any_string_survives_quoting(value: str) -> None:
    assert unquoted(query.quote(value)) == value


@given(st.text(alphabet="'\\a"))
def test_quotes_and_backslashes_survive_in_any_mixture(value: str) -> None:
    assert unquoted(query.quote(value)) == value


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_the_simulators_parser_reads_back_any_strings(values: list[str]) -> None:
    """It shares nothing with what wrote them (law 8)."""
    condition, *_ = parse(query.by_ids(CUSTOMER, values)).where
    assert [literal.text for literal in condition.values] == values


def test_a_count_includes_inactive_rows_of_a_list() -> None:
    assert query.count(CUSTOMER) == "SELECT COUNT(*) FROM Customer WHERE Active IN (true, false)"
    assert query.count(INVOICE) == "SELECT COUNT(*) FROM Invoice"


def test_a_count_can_be_bounded() -> None:
    statement = query.count(CUSTOMER, created_to=NINE, updated_since=NINE, updated_to=NINE)
    assert statement == (
        "SELECT COUNT(*) FROM Customer WHERE MetaData.CreateTime <= '2026-01-31T09:00:00Z'"
        " AND MetaData.LastUpdatedTime >= '2026-01-31T09:00:00Z' AND MetaData.LastUpdatedTime <= '2026-01-31T09:00:00Z'"
        " AND Active IN (true, false)"
    )


def test_an_items_sku_is_named_beside_all_else() -> None:
    """A public client has to, or it gets none."""
    item = CATALOGUE["Item"]
    statements = [
        query.page(item),
        query.updated_since(item, NINE),
        query.by_ids(item, ["7"]),
        query.by_values(item, "Name", ["Shells"]),
    ]
    assert all(statement.startswith("SELECT *, Sku FROM Item ") for statement in statements)


def test_a_page_is_ordered_by_the_time_that_never_changes() -> None:
    statement = query.page(INVOICE, created_from=NINE, created_to=NINE + timedelta(hours=1), start_position=1001)
    assert statement == (
        "SELECT * FROM Invoice WHERE MetaData.CreateTime >= '2026-01-31T09:00:00Z'"
        " AND MetaData.CreateTime <= '2026-01-31T10:00:00Z'"
        " ORDERBY MetaData.CreateTime STARTPOSITION 1001 MAXRESULTS 1000"
    )


def test_a_page_without_bounds_or_order() -> None:
    statement = query.page(CATALOGUE["RecurringTransaction"], order_by=None, max_results=5)
    assert statement == "SELECT * FROM RecurringTransaction STARTPOSITION 1 MAXRESULTS 5"


def test_times_are_instants_in_utc_whatever_zone_they_came_in() -> None:
    pacific = timezone(timedelta(hours=-8))
    assert query.instant(datetime(2026, 1, 31, 1, 0, 0, tzinfo=pacific)) == "'2026-01-31T09:00:00Z'"


def test_a_time_without_a_zone_is_refused_for_the_server_would_read_it_in_the_companys() -> None:
    with pytest.raises(AssertionError, match="not an instant"):
        query.instant(datetime(2026, 1, 31, 9, 0, 0))  # noqa: DTZ001  # the very thing that is refused


def test_bounds_with_a_fraction_are_widened_to_whole_seconds_so_that_no_row_is_left_out() -> None:
    half_past = NINE + timedelta(microseconds=500_000)
    statement = query.page(INVOICE, created_from=half_past, created_to=half_past)
    assert ">= '2026-01-31T09:00:00Z'" in statement
    assert "<= '2026-01-31T09:00:01Z'" in statement


def test_changes_are_asked_for_from_the_cursor_on_and_including_it() -> None:
    assert query.updated_since(INVOICE, NINE, max_results=100) == (
        "SELECT * FROM Invoice WHERE MetaData.LastUpdatedTime >= '2026-01-31T09:00:00Z'"
        " ORDERBY MetaData.LastUpdatedTime STARTPOSITION 1 MAXRESULTS 100"
    )


def test_ids_are_quoted_and_inactive_rows_found() -> None:
    statement = query.by_ids(CUSTOMER, ["5000000000000142240", "O'x"])
    assert "Id IN ('5000000000000142240', 'O\\'x') AND Active IN (true, false)" in statement


def test_ids_alone_keep_the_order_and_bounds() -> None:
    assert query.ids_only(INVOICE, created_from=NINE) == (
        "SELECT Id, MetaData FROM Invoice WHERE MetaData.CreateTime >= '2026-01-31T09:00:00Z'"
        " ORDERBY MetaData.CreateTime STARTPOSITION 1 MAXRESULTS 1000"
    )


def test_rates_are_asked_for_by_currency_and_date() -> None:
    statement = query.rates(CATALOGUE["ExchangeRate"], currencies=["EUR", "GBP"], as_of=date(2026, 1, 31))
    assert "WHERE SourceCurrencyCode IN ('EUR', 'GBP') AND AsOfDate = '2026-01-31'" in statement


@pytest.mark.parametrize(("start_position", "max_results"), [(0, 10), (1, 0), (1, 1001)])
def test_positions_and_sizes_that_the_server_refuses_are_a_bug_of_ours(start_position: int, max_results: int) -> None:
    with pytest.raises(AssertionError):
        query.page(INVOICE, start_position=start_position, max_results=max_results)


def test_no_ids_are_a_bug_of_ours() -> None:
    with pytest.raises(AssertionError):
        query.by_ids(INVOICE, [])
