"""A history of copies answers every question as the list of all its rows would."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import pytest

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import decode, encode
from backfill.simulator.stored import KeyOf, StoredObject
from backfill.simulator.views import Listing, View
from backfill.simulator.writing.names import _BY_NAME, _UNIQUE, by_parent
from backfill.simulator.writing.numbers import by_number
from tests.simulator.sown.worlds import FRANCE, MANY_CURRENCIES, PLAIN, CompanyOf, HistoryOf, every_row

EACH = pytest.mark.parametrize("number", [MANY_CURRENCIES, PLAIN, FRANCE])
COPIED = ("Attachable", "Customer", "Item", "Invoice", "Payment", "Estimate", "RecurringTransaction", "Vendor")


@EACH
def test_it_has_as_many_rows_as_promised_and_few_in_memory(number: int, history_of: HistoryOf) -> None:
    history = history_of(number)
    assert sum(len(history.table(entity)) for entity in TRAITS) == 3_100
    assert history.rows_held < 900
    assert history.layout.copies > 4


@EACH
def test_a_row_says_of_itself_what_its_document_says(number: int, history_of: HistoryOf, company_of: CompanyOf) -> None:
    company = company_of(number)
    for entity, rows in every_row(history_of(number)).items():
        for row in rows:
            doc = decode(row.doc)
            inner = doc["Invoice"] if TRAITS[entity].wrapped else doc
            assert encode(doc) == row.doc
            assert "\ue000" not in row.doc.decode()
            assert inner.get("Id", row.id) == row.id
            assert inner["MetaData"]["LastUpdatedTime"] == company.offset_text(row.updated)
            if TRAITS[entity].has_id:
                assert inner["MetaData"]["CreateTime"] == company.offset_text(row.created)
                assert inner["MetaData"]["CreateTime"][:10] >= inner.get("TxnDate", "")


@EACH
def test_ids_are_distinct_and_each_is_found(number: int, history_of: HistoryOf) -> None:
    history = history_of(number)
    for entity, rows in every_row(history).items():
        table = history.table(entity)
        assert len({row.id for row in rows}) == len(rows) == len(table)
        assert all(table.get(row.id) == row for row in rows)
    table = history.table("Invoice")
    largest = max(int(row.id) for row in every_row(history)["Invoice"])
    for unknown in ("0", "-1", "", "x", "007", str(largest + 10_000), "²"):
        assert table.get(unknown) is None


def _key(row: StoredObject, listing: Listing, entity: str) -> object:
    if listing.by == "named":
        return str(decode(row.doc)[TRAITS[entity].name_key]).encode()
    return row.updated if listing.by == "updated" else row.created


@EACH
@pytest.mark.parametrize("entity", COPIED)
def test_orders_are_those_of_all_rows_sorted(number: int, entity: str, history_of: HistoryOf) -> None:
    table, rows = history_of(number).table(entity), every_row(history_of(number))[entity]
    orders = ("created", "updated", "named") if TRAITS[entity].is_list else ("created", "updated")
    for by, active in product(orders, (None, True, False)):
        listing = Listing(by, active)
        chosen = [row for row in rows if listing.has(row)]
        view = View(table.source(listing))
        found = list(view)
        assert len(view) == len(chosen)
        assert sorted(row.id for row in found) == sorted(row.id for row in chosen)
        keys = [_key(row, listing, entity) for row in found]
        assert keys == sorted(keys)  # type: ignore[type-var]  # all of one type
        assert [view[index] for index in range(0, len(view), 17)] == found[::17]
        assert list(view[5:60][3:]) == found[8:60]
        for index in range(0, len(found), 13):
            assert table.place(listing, found[index].id) == (index, True)


@EACH
@pytest.mark.parametrize("entity", COPIED)
def test_keys_find_what_reading_every_row_finds(number: int, entity: str, history_of: HistoryOf) -> None:
    table, rows = history_of(number).table(entity), every_row(history_of(number))[entity]
    keys: Sequence[KeyOf] = (
        *([_BY_NAME[_UNIQUE[entity]]] if entity in _UNIQUE else []),
        *([by_parent] if TRAITS[entity].is_list else []),
        *([by_number] if TRAITS[entity].has_doc_number else []),
    )
    for key_of in keys:
        wanted: dict[str, list[str]] = {}
        for row in rows:
            wanted.setdefault(key_of(row), []).append(row.id)
        wanted.pop("", None)
        for key in [*wanted][:: max(1, len(wanted) // 40)]:
            assert sorted(table.find(key_of, key)) == sorted(wanted[key])
        assert not list(table.find(key_of, "nobody 3"))


def test_what_was_deleted_is_deleted_in_every_copy(history_of: HistoryOf) -> None:
    history = history_of(PLAIN)
    table = history.table("Invoice")
    gone = dict(table.buried_since(0))
    assert len(gone) >= history.layout.copies
    assert not any(table.get(object_id) for object_id in gone)
    some = sorted(gone.values())[len(gone) // 2]
    assert dict(table.buried_since(some)) == {object_id: at for object_id, at in gone.items() if at >= some}


def test_numbers_and_names_are_nobody_elses(history_of: HistoryOf) -> None:
    rows = every_row(history_of(MANY_CURRENCIES))
    for entity in ("Invoice", "Bill", "Estimate"):
        numbers = [decode(row.doc)["DocNumber"] for row in rows[entity]]
        assert len(set(numbers)) == len(numbers)
        assert max(map(int, numbers)) <= history_of(MANY_CURRENCIES).layout.last_number(entity)
    people = [decode(row.doc)["DisplayName"].casefold() for kind in ("Customer", "Vendor") for row in rows[kind]]
    assert len(set(people)) == len(people)


def test_neighbours_in_time_are_of_different_kinds(history_of: HistoryOf) -> None:
    """A page shows many invoices, not one many times."""
    table = history_of(PLAIN).table("Invoice")
    page = list(View(table.source(Listing("created")))[-400:])
    amounts = [decode(row.doc)["TotalAmt"] for row in page]
    assert len(set(amounts)) > 50
    assert sum(one == other for one, other in pairwise(amounts)) < 40
