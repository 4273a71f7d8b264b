"""Changes of a large company: seen by every question at once, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from operator import attrgetter
from random import Random

import pytest

from backfill.simulator.documents import decode
from backfill.simulator.sown.history import History
from backfill.simulator.stored import StoredObject
from backfill.simulator.table import Table
from backfill.simulator.writing.names import _BY_NAME
from tests.simulator.sown.worlds import MANY_CURRENCIES, PLAIN, HistoryOf, every_row

LATER = 2_000_000_000
"""After every history."""


def _table(history: History, entity: str) -> Table:
    return Table(partial(history.table, entity))


def _change(table: Table, now: dict[str, StoredObject], rng: Random, number: int) -> None:
    """One change of the table and of the model."""
    ids = sorted(now)
    object_id = rng.choice(ids)
    old = now[object_id]
    match rng.randrange(5):
        case 0 if len(ids) > 2:
            del now[object_id]
            table.remove(object_id, LATER)
        case 1:
            # Put past the journal, as a test of a history does: created and changed at any time.
            at = rng.randrange(old.created - 10_000, LATER)
            now[f"new-{number}"] = StoredObject(f"new-{number}", 0, at, at, rng.random() < 0.5, old.doc)
            table.put(now[f"new-{number}"])
        case _:
            updated = max(old.updated, LATER - 1_000 + number)
            active = old.active if rng.random() < 0.5 else not old.active
            now[object_id] = StoredObject(object_id, old.sync_token + 1, old.created, updated, active, old.doc)
            table.put(now[object_id])


@pytest.mark.parametrize(("entity", "seed"), [*product(("Customer", "Invoice", "Term"), range(3))])
def test_views_are_those_of_a_list_of_all_rows(entity: str, seed: int, history_of: HistoryOf) -> None:
    history, rng = history_of(MANY_CURRENCIES), Random(f"{entity}:{seed}")
    table, now = _table(history, entity), {row.id: row for row in every_row(history)[entity]}
    for number in range(120):
        _change(table, now, rng, number)
        if number % 20 == 0:
            _compare(table, now, rng)
    _compare(table, now, rng)


def _compare(table: Table, now: dict[str, StoredObject], rng: Random) -> None:
    assert len(table) == len(now)
    assert all(table.get(object_id) == row for object_id, row in now.items())
    for active in (None, True, False):
        wanted = [row for row in now.values() if active is None or row.active is active]
        orders: list[tuple[Callable[..., object], Callable[[StoredObject], object]]] = [
            (table.all, lambda _row: 0),
            (table.by_created, attrgetter("created")),
            (table.by_updated, attrgetter("updated")),
        ]
        for view_of, key_of in orders:
            view = view_of(active=active)
            found = list(view)  # type: ignore[call-overload]  # a sequence of rows
            assert sorted(row.id for row in found) == sorted(row.id for row in wanted)
            keys = [key_of(row) for row in found]
            assert keys == sorted(keys)  # type: ignore[type-var]  # all of one type
            first = rng.randrange(len(found) + 1)
            last = rng.randrange(first, len(found) + 1)
            assert list(view[first:last]) == found[first:last]  # type: ignore[index]  # as above
            assert all(view[index] == found[index] for index in range(0, len(found), 29))  # type: ignore[index]


def test_a_change_of_a_copy_is_found_by_its_new_name_and_no_more_by_its_old_one(history_of: HistoryOf) -> None:
    history = history_of(PLAIN)
    table, by_name = _table(history, "Customer"), _BY_NAME["DisplayName"]
    row = every_row(history)["Customer"][5]
    name = decode(row.doc)["DisplayName"]
    assert name.endswith(" (6)")
    assert list(table.find(by_name, name.casefold())) == [row.id]
    renamed = row.doc.replace(name.encode(), "Änderung".encode())
    table.put(StoredObject(row.id, 1, row.created, LATER, active=True, doc=renamed))
    assert list(table.find(by_name, name.casefold())) == []
    assert list(table.find(by_name, "änderung")) == [row.id]
    table.remove(row.id, LATER)
    assert list(table.find(by_name, "änderung")) == []
    assert table.tombstones_since(LATER) == [(row.id, LATER)]


def test_what_changed_comes_by_name_where_it_belongs(history_of: HistoryOf) -> None:
    history = history_of(PLAIN)
    table = _table(history, "Customer")
    rows = every_row(history)["Customer"]
    for row, name in zip(rows[40:44], ("!", "Aaa", "M", "￿"), strict=True):
        doc = row.doc.replace(decode(row.doc)["DisplayName"].encode(), name.encode())
        table.put(StoredObject(row.id, 1, row.created, LATER, active=True, doc=doc))
    names = [decode(row.doc)["DisplayName"].encode() for row in table.by_name()]
    assert names == sorted(names)
    assert len(names) == len(rows)


def test_a_row_that_is_gone_cannot_go_again(history_of: HistoryOf) -> None:
    table = _table(history_of(PLAIN), "Invoice")
    gone = table.all()[-1].id
    table.remove(gone, LATER)
    assert table.get(gone) is None
    with pytest.raises(KeyError):
        table.remove(gone, LATER)
