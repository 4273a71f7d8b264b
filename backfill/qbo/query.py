"""Statements of QuickBooks' query language, built from values that are always quoted.

The dialect (Intuit's reference): quotes and backslashes are escaped by a backslash, `AND` is the only
connective, positions count from 1, and a timestamp without an offset would be read in the company's own
zone, so every timestamp here is written in UTC with its `Z`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from backfill.qbo.catalogue import Entity

PAGE_ROWS_MAX = 1000
"""Most rows in one answer. A larger MAXRESULTS is refused (400, code 4001), not clamped."""

BATCH_ITEMS_MAX = 30
"""Most items in one batch call; 31 make the whole call a fault (1040)."""

CDC_OBJECTS_MAX = 1000
"""Documented: most objects in one answer of change data capture, over all entities asked for."""

MINOR_VERSION = "75"
"""The newest minor version, and since 2025-08-01 also the oldest."""

CREATE_TIME = "MetaData.CreateTime"
"""Never changes: the key for scans. Sorting by Id was withdrawn on 2026-01-27."""

LAST_UPDATED_TIME = "MetaData.LastUpdatedTime"

_BESIDE_ALL: Mapping[str, str] = MappingProxyType({"Item": "Sku"})
"""Entity to what is named beside the `*`, for some attributes may be answered only where they are named: not
documented, but a public client (python-quickbooks, since 0.9.12) asks so for an Item's Sku."""

_FROM = re.compile(r" FROM (\w+)")


def quote(value: str) -> str:
    r"""`value` as a literal: `O'Hara \ Sons` becomes `'O\'Hara \\ Sons'`. Doubling quotes is not this dialect."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def instant(value: datetime) -> str:
    """`value` as a timestamp literal in UTC, cut to its second, as in all of Intuit's examples.

    `value` must be aware; a naive one is a bug of ours.
    """
    assert value.tzinfo is not None, "a timestamp without a zone is not an instant"
    return quote(f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z")


def count(
    entity: Entity,
    *,
    ids: Sequence[str] = (),
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    updated_since: datetime | None = None,
    updated_to: datetime | None = None,
) -> str:
    """How many objects, inactive ones included; of `ids` alone, if there are any. All bounds are inclusive."""
    terms = [
        *_ids(ids),
        *_terms(CREATE_TIME, (">=", created_from), ("<=", created_to)),
        *_terms(LAST_UPDATED_TIME, (">=", updated_since), ("<=", updated_to)),
    ]
    return f"SELECT COUNT(*) FROM {entity.name}{_where(entity, terms)}"  # noqa: S608  # not SQL; values are quoted


def page(
    entity: Entity,
    *,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    order_by: str | None = CREATE_TIME,
    start_position: int = 1,
    max_results: int = PAGE_ROWS_MAX,
) -> str:
    """One page of an entity by CreateTime, both bounds inclusive (times have whole seconds, so rows share them).

    `order_by=None` leaves the order open, which only an entity without MetaData wants.
    """
    terms = _terms(CREATE_TIME, (">=", created_from), ("<=", created_to))
    return _select(_everything(entity), entity, terms, order_by, start_position, max_results)


def updated_since(
    entity: Entity,
    since: datetime,
    *,
    updated_to: datetime | None = None,
    start_position: int = 1,
    max_results: int = PAGE_ROWS_MAX,
) -> str:
    """One page of what was created or changed at or after `since`, oldest change first. Deletes never show here."""
    terms = _terms(LAST_UPDATED_TIME, (">=", since), ("<=", updated_to))
    return _select(_everything(entity), entity, terms, LAST_UPDATED_TIME, start_position, max_results)


def by_ids(entity: Entity, ids: Sequence[str]) -> str:
    """The objects with these Ids, inactive ones included; at most a page of them. Ids compare by `=` and `IN` only."""
    assert 0 < len(ids) <= PAGE_ROWS_MAX, "a statement asks for at least one Id and at most a page"
    return _select(_everything(entity), entity, _ids(ids), None, 1, PAGE_ROWS_MAX)


def by_values(entity: Entity, attribute: str, values: Sequence[str], *, created_from: datetime | None = None) -> str:
    """The objects whose `attribute` (a name, a number) is one of `values`, inactive ones included; at most a page."""
    assert 0 < len(values) <= PAGE_ROWS_MAX, "a statement asks for at least one value and at most a page"
    terms = [f"{attribute} IN ({', '.join(quote(value) for value in values)})"]
    terms += _terms(CREATE_TIME, (">=", created_from))
    return _select(_everything(entity), entity, terms, None, 1, PAGE_ROWS_MAX)


def ids_only(
    entity: Entity,
    *,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    start_position: int = 1,
    max_results: int = PAGE_ROWS_MAX,
) -> str:
    """Like `page`, for Ids and MetaData alone: small answers, to find by difference what was deleted.

    A projection is widely used though not promised; a server that ignores it sends whole objects, which decode alike.
    """
    terms = _terms(CREATE_TIME, (">=", created_from), ("<=", created_to))
    return _select("Id, MetaData", entity, terms, CREATE_TIME, start_position, max_results)


def rates(
    entity: Entity,
    *,
    currencies: Iterable[str],
    as_of: date | None,
    start_position: int = 1,
    max_results: int = PAGE_ROWS_MAX,
) -> str:
    """The exchange rates of `currencies` (three-letter codes) on one date, or of all dates that the server has.

    Currency and date are the only filters that ExchangeRate has; that the date may be left out is not documented.
    """
    codes = ", ".join(quote(code) for code in currencies)
    terms = [f"SourceCurrencyCode IN ({codes})"]
    if as_of is not None:
        terms.append(f"AsOfDate = {quote(as_of.isoformat())}")
    return _select("*", entity, terms, None, start_position, max_results)


def entity_of(statement: str) -> str:
    """The name of the entity that a statement of ours asks for."""
    found = _FROM.search(statement)
    assert found is not None, "every statement names an entity"
    return found[1]


def _everything(entity: Entity) -> str:
    """Whole objects."""
    beside = _BESIDE_ALL.get(entity.name)
    return f"*, {beside}" if beside else "*"


def _ids(ids: Sequence[str]) -> list[str]:
    return [f"Id IN ({', '.join(quote(id_) for id_ in ids)})"] if ids else []


def _terms(attribute: str, *bounds: tuple[str, datetime | None]) -> list[str]:
    """Lower bounds lose their fraction and upper ones are raised to the next second: never a row too few."""
    return [
        f"{attribute} {operator} {instant(_next_second(value) if operator == '<=' else value)}"
        for operator, value in bounds
        if value is not None
    ]


def _next_second(value: datetime) -> datetime:
    return value + timedelta(microseconds=-value.microsecond % 1_000_000)


def _where(entity: Entity, terms: Iterable[str]) -> str:
    every = [*terms, *(["Active IN (true, false)"] if entity.hides_inactive else [])]
    return f" WHERE {' AND '.join(every)}" if every else ""


def _select(
    what: str, entity: Entity, terms: Iterable[str], order_by: str | None, start_position: int, max_results: int
) -> str:
    assert start_position >= 1, "positions count from 1"
    assert 1 <= max_results <= PAGE_ROWS_MAX, "MAXRESULTS is 1 to 1000"
    order = f" ORDERBY {order_by}" if order_by else ""
    where = _where(entity, terms)
    paging = f" STARTPOSITION {start_position} MAXRESULTS {max_results}"
    return f"SELECT {what} FROM {entity.name}{where}{order}{paging}"  # noqa: S608  # not SQL; values are quoted
