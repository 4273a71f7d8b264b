"""Orders of a table, and that a change is seen by a view asked for after it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from backfill.simulator.stored import StoredObject
from backfill.simulator.table import Table


def _row(object_id: str, created: int, updated: int) -> StoredObject:
    return StoredObject(object_id, 0, created, updated, active=True, doc=b"{}")


def _ids(rows: object) -> str:
    assert isinstance(rows, Sequence)
    return "".join(row.id for row in rows)


def test_views_are_ordered_and_ties_go_by_insertion() -> None:
    table = Table()
    for row in (_row("c", 5, 9), _row("a", 5, 7), _row("b", 3, 9)):
        table.put(row)
    assert (_ids(table.all()), _ids(table.by_created()), _ids(table.by_updated())) == ("cab", "bca", "acb")


def test_a_change_shows_in_every_view_and_an_edit_does_not_move_a_row_in_all() -> None:
    table = Table()
    for row in (_row("a", 1, 1), _row("b", 2, 2)):
        table.put(row)
    assert _ids(table.by_updated()) == "ab"
    table.put(_row("a", 1, 3))
    assert (_ids(table.all()), _ids(table.by_created()), _ids(table.by_updated())) == ("ab", "ab", "ba")
    table.remove("b", 4)
    assert (len(table), _ids(table.by_updated()), table.get("b")) == (1, "a", None)


def test_tombstones_from_a_second_on_oldest_first() -> None:
    table = Table()
    for object_id, at in (("x", 30), ("y", 10), ("z", 20)):
        table.bury(object_id, at)
    assert table.tombstones_since(20) == [("z", 20), ("x", 30)]


def test_a_stored_version_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _row("a", 1, 1).sync_token = 2  # type: ignore[misc]
    assert msgspec.structs.asdict(_row("a", 1, 2))["updated"] == 2


def _by_token(row: StoredObject) -> str:
    return str(row.sync_token or "")


def test_an_index_is_kept_true_by_every_change() -> None:
    table = Table()
    table.put(_row("a", 1, 1))
    rows = [StoredObject(object_id, token, 1, 1, active=True, doc=b"{}") for object_id, token in (("b", 1), ("c", 1))]
    table.put(rows[0])
    assert list(table.find(_by_token, "1")) == ["b"], "what was there before the first question"
    table.put(rows[1])
    assert list(table.find(_by_token, "1")) == ["b", "c"]
    table.put(StoredObject("b", 2, 1, 1, active=True, doc=b"{}"))
    assert (list(table.find(_by_token, "1")), list(table.find(_by_token, "2"))) == (["c"], ["b"])
    table.remove("c", 5)
    assert list(table.find(_by_token, "1")) == []
    assert list(table.find(_by_token, "")) == [], "an empty key is none"
