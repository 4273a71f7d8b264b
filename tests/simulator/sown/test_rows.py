"""A history of copies answers every question as the list of all its rows would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import pytest

from backfill.simulator.books.links import target_of
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import decode, encode
from backfill.simulator.stored import KeyOf, StoredObject
from backfill.simulator.views import Listing, View
from backfill.simulator.writing.names import _BY_NAME, _UNIQUE, by_parent
from backfill.simulator.writing.numbers import by_number
from tests.simulator.sown.worlds import FRANCE, MANY_CURRENCIES, PLAIN, ROWS, CompanyOf, HistoryOf, every_row

EACH = pytest.mark.parametrize("number", [MANY_CURRENCIES, PLAIN, FRANCE])
COPIED = ("Attachable", "Customer", "Item", "Invoice", "Payment", "Estimate", "RecurringTransaction", "Vendor")


@EACH
def test_it_has_as_many_rows_as_promised_and_few_in_memory(number: int, history_of: HistoryOf) -> None:
    history = history_of(number)
    assert sum(len(history.table(entity)) for entity in TRAITS) == ROWS
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


@EACH
def test_ids_of_what_is_and_of_what_was_deleted_leave_no_gap(number: int, history_of: HistoryOf) -> None:
    history = history_of(number)
    entities = [entity for entity, traits in TRAITS.items() if traits.is_transaction]
    ids = [int(row.id) for entity in entities for row in every_row(history)[entity]]
    gone = [int(object_id) for entity in entities for object_id, _ in history.table(entity).buried_since(0)]
    assert gone
    layout = history.layout
    used = {*ids, *gone}
    assert len(used) == len(ids) + len(gone)
    assert used <= set(range(1, layout.next_id("transaction", 1)))
    # Copies have no twins of the rows that make the number of rows right.
    rows = [history.table("Estimate").copies_of(number) for number in range(len(history.table("Estimate").core()))]
    assert layout.next_id("transaction", 1) - 1 - len(used) == rows.count(1) * (layout.copies - 1)


_CITED = {"CustomerRef": "Customer", "VendorRef": "Vendor", "ItemRef": "Item", "ParentRef": "Customer"}


def _cited(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """(entity, Id) of what is referred to below `value`, of entities that are copied."""
    if isinstance(value, list):
        for part in value:
            yield from _cited(key, part)
    elif isinstance(value, dict):
        entity = value.get("type") if key == "EntityRef" else _CITED.get(key)
        if "TxnId" in value:
            yield target_of(value)
        elif entity and "value" in value:
            yield entity, value["value"]
        for name, part in value.items():
            yield from _cited(name, part)


@EACH
def test_a_copy_refers_to_nothing_of_another_one(number: int, history_of: HistoryOf) -> None:
    layout, seen = history_of(number).layout, 0
    for entity in COPIED:
        for row in every_row(history_of(number))[entity]:
            _, copy = layout.origin(entity, row.id)
            for target, object_id in _cited("", decode(row.doc)):
                origin, its = layout.origin(target, object_id)
                if layout.is_copied(target, origin):
                    assert its == copy, f"{entity} {row.id} cites {target} {object_id}"
                    seen += 1
    assert seen > ROWS


def test_what_was_deleted_lately_is_found_by_its_time(history_of: HistoryOf) -> None:
    table = history_of(PLAIN).table("Invoice")
    gone = dict(table.buried_since(0))
    some = sorted(gone.values())[len(gone) // 2]
    assert dict(table.buried_since(some)) == {object_id: at for object_id, at in gone.items() if at >= some}


@EACH
def test_what_was_imported_is_of_one_second_and_dated_before_it(number: int, history_of: HistoryOf) -> None:
    history = history_of(number)
    imported = [row for row in every_row(history)["Invoice"] if row.created == history.layout.opened_s]
    assert len(imported) > 1_000
    days = [decode(row.doc)["TxnDate"] for row in imported]
    assert max(days) < decode(imported[0].doc)["MetaData"]["CreateTime"]
    assert not any(history.layout.moves(day) for day in days)
    others = (row for row in every_row(history)["Invoice"] if row.created != history.layout.opened_s)
    assert all(history.layout.moves(decode(row.doc)["TxnDate"]) for row in others)


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
    view = View(table.source(Listing("created")))
    page = list(view[len(view) // 2 + 500 :][:400])
    amounts = [decode(row.doc)["TotalAmt"] for row in page]
    assert len(set(amounts)) > 30
    assert sum(one == other for one, other in pairwise(amounts)) < 40
