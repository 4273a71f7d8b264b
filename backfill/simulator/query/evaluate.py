"""A plan over a table: the rows that pass, in order, one page of them.

Times, Active and Id are known without a row's document, so plans that use nothing else (those of a whole
scan) find their page by bisection and decode nothing. Among rows that compare equal the order is not
promised, and differs with the state of the company: who relies on it finds out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from zlib import crc32

from backfill.simulator.documents import Doc, decode
from backfill.simulator.query.plan import Plan, SortKey, TimeColumn, TimeCondition
from backfill.simulator.query.statement import Operator
from backfill.simulator.query.values import leaves, sort_key
from backfill.simulator.stored import StoredObject
from backfill.simulator.table import Table

Rows = Sequence[StoredObject]

_BY_COLUMN: dict[TimeColumn, Callable[[StoredObject], int]] = {
    "created": attrgetter("created"),
    "updated": attrgetter("updated"),
}
_BISECTED = (Operator.EQUAL, Operator.LESS, Operator.GREATER, Operator.LESS_OR_EQUAL, Operator.GREATER_OR_EQUAL)
_QUALIFIED = frozenset({"Account", "Class", "Customer", "Department", "Item"})
"""Lists whose rows may have rows below them."""


def count(asked: Plan, table: Table) -> int:
    """How many rows pass."""
    rows, _ = _passing(asked, table, None)
    return len(rows)


def page(asked: Plan, table: Table, *, salt: int) -> Rows:
    """The rows of the page asked for. `salt` decides the order among equals; it changes with the company's state."""
    if asked.words_beyond:
        words, numbered = _by_kind_of_id(_passing(asked, table, None)[0])
        found = _sorted(numbered, _default_order(asked, table), asked, salt)[
            asked.start - 1 : asked.start - 1 + asked.limit
        ]
        return [*words, *found] if asked.start == 1 else found
    order = asked.order or _default_order(asked, table)
    if _is_by_name(asked, order) and table.base.is_copied:
        view = table.by_name(active=_only(asked.active))
        return view[asked.start - 1 : asked.start - 1 + asked.limit]
    column = order[0].column if len(order) == 1 else None
    time_column = None if column == "id" else column
    rows, sorted_by = _passing(asked, table, time_column)
    first, last = asked.start - 1, min(asked.start - 1 + asked.limit, len(rows))
    if first >= last:
        return ()
    if time_column is not None and sorted_by == time_column:
        return _page_of_view(rows, time_column, first, last, descending=order[0].descending, salt=salt)
    return _sorted(rows, order, asked, salt)[first:last]


def _by_kind_of_id(rows: Rows) -> tuple[Rows, Rows]:
    """The rows whose Id is a word, and the others."""
    words = [row for row in rows if not row.id.isdecimal()]
    return words, [row for row in rows if row.id.isdecimal()]


def _default_order(asked: Plan, table: Table) -> tuple[SortKey, ...]:
    """Lists by name (jobs below their customers), all else by the last change, newest first: recorded, not promised.

    A list of copies goes by each object's own name, for that is the order which is had without making all of them.
    """
    if asked.traits.is_list and asked.traits.name_key:
        qualified = asked.traits.name in _QUALIFIED and not table.base.is_copied
        key = "FullyQualifiedName" if qualified else asked.traits.name_key
        return (SortKey((key,), None, descending=False),)
    return (SortKey(("MetaData", "LastUpdatedTime"), "updated", descending=True),)


def _is_by_name(asked: Plan, order: tuple[SortKey, ...]) -> bool:
    """Whether a list is asked for by name, and nothing of it but whether rows are active."""
    by_name = order == (SortKey((asked.traits.name_key,), None, descending=False),)
    some = asked.ids is not None or asked.times or asked.documents or asked.active == frozenset()
    return by_name and not some


def _only(active: frozenset[bool] | None) -> bool | None:
    """The only kind of rows that is asked for; None: both."""
    return next(iter(active)) if active is not None and len(active) == 1 else None


def _passing(asked: Plan, table: Table, wanted: TimeColumn | None) -> tuple[Rows, TimeColumn | None]:
    """The rows that pass every condition, and the time they are sorted by, if any (`wanted` where it can be)."""
    if asked.active is not None and not asked.active:
        return (), None
    view, sorted_by, bounds = _source(asked, table, wanted)
    rest = tuple(condition for condition in asked.times if condition not in bounds)
    if rest:
        view = [row for row in view if all(condition.holds(row) for condition in rest)]
    if asked.documents:
        view = [row for row in view if _document_passes(asked, row)]
    return view, sorted_by


def _source(
    asked: Plan, table: Table, wanted: TimeColumn | None
) -> tuple[Rows, TimeColumn | None, tuple[TimeCondition, ...]]:
    """Where to look: the rows, what they are sorted by, and the conditions on times they already satisfy."""
    active = _only(asked.active)
    if asked.ids is not None:
        found = [row for object_id in sorted(asked.ids) if (row := table.get(object_id)) is not None]
        return [row for row in found if active is None or row.active is active], None, ()
    bounded = {condition.column for condition in asked.times if condition.operator in _BISECTED}
    column = wanted if wanted in bounded or not bounded else min(bounded)
    if column is None:
        return table.all(active=active), None, ()
    view = table.by_created(active=active) if column == "created" else table.by_updated(active=active)
    bounds = tuple(c for c in asked.times if c.column == column and c.operator in _BISECTED)
    low, high = 0, len(view)
    for condition in bounds:
        below, above = _bounds(view, condition)
        low, high = max(low, below), min(high, above)
    return (view if (low, high) == (0, len(view)) else view[low : max(low, high)]), column, bounds


def _bounds(view: Rows, condition: TimeCondition) -> tuple[int, int]:
    """Which slice of a view sorted by the condition's column satisfies it."""
    key, at = _BY_COLUMN[condition.column], condition.instants[0]
    match condition.operator:
        case Operator.LESS:
            return 0, bisect_left(view, at, key=key)
        case Operator.LESS_OR_EQUAL:
            return 0, bisect_right(view, at, key=key)
        case Operator.GREATER:
            return bisect_right(view, at, key=key), len(view)
        case Operator.GREATER_OR_EQUAL:
            return bisect_left(view, at, key=key), len(view)
        case _:
            return bisect_left(view, at, key=key), bisect_right(view, at, key=key)


def _page_of_view(rows: Rows, column: TimeColumn, first: int, last: int, *, descending: bool, salt: int) -> Rows:
    """A page of rows that are sorted already: only the rows that tie with its ends are looked at beside it."""
    if descending:
        first, last = len(rows) - last, len(rows) - first
    key = _BY_COLUMN[column]
    low = bisect_left(rows, key(rows[first]), 0, first, key=key)
    high = bisect_right(rows, key(rows[last - 1]), last - 1, key=key)
    block = sorted(rows[low:high], key=lambda row: (key(row), crc32(row.id.encode(), salt)))
    found = block[first - low : last - low]
    return found[::-1] if descending else found


def _sorted(rows: Rows, order: Sequence[SortKey], asked: Plan, salt: int) -> Rows:
    """All rows by all keys: stable sorts, the least significant first, chance before them all."""
    found = sorted(rows, key=lambda row: crc32(row.id.encode(), salt))
    docs: dict[str, Doc] = {}
    if any(key.column is None for key in order):
        docs = {row.id: unwrapped(asked, decode(row.doc)) for row in found}
    for key in reversed(order):
        match key.column:
            case "created" | "updated":
                found.sort(key=_BY_COLUMN[key.column], reverse=key.descending)
            case "id":
                found.sort(key=lambda row: (len(row.id), row.id), reverse=key.descending)
            case None:
                path = key.path
                found.sort(key=lambda row: sort_key(next(leaves(docs[row.id], path), None)), reverse=key.descending)
    return found


def _document_passes(asked: Plan, row: StoredObject) -> bool:
    doc = unwrapped(asked, decode(row.doc))
    for condition in asked.documents:
        found = list(leaves(doc, condition.path)) or [None]
        if not any(condition.matches(leaf) for leaf in found):
            return False
    return True


def unwrapped(asked: Plan, doc: Doc) -> Doc:
    """The object itself, where rows are wrappers with one key: with that key as its Type, by which clients ask."""
    if not asked.traits.wrapped:
        return doc
    ((kind, inner),) = doc.items()
    assert isinstance(inner, dict)
    return {**inner, "Type": kind}
