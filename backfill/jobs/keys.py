"""The two times an entity can be walked by: when its objects were created, or last updated.

CreateTime never changes, so a walk by it loses nothing to edits: the key for whole reads. LastUpdatedTime
moves forward only, so a row edited during a walk by it is met again further on: the key for changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backfill.qbo import query
from backfill.qbo.catalogue import Entity


class PageStatement(Protocol):
    """Writes the statement for one page between two bounds, both inclusive, None open."""

    def __call__(
        self, entity: Entity, low: datetime | None, high: datetime | None, /, *, start_position: int, max_results: int
    ) -> str: ...


class CountStatement(Protocol):
    """Writes the statement that counts what lies between two bounds, both inclusive, None open."""

    def __call__(self, entity: Entity, low: datetime | None, high: datetime | None, /) -> str: ...


@dataclass(frozen=True, slots=True)
class Key:
    """A way to walk an entity."""

    name: str
    time: str | None
    """The member of a `Record`, and the column of `Rows`, that it goes by."""
    page: PageStatement
    count: CountStatement

    @property
    def is_timed(self) -> bool:
        """Whether a walk can go by it; else it is read by offset from the start."""
        return self.time is not None


def _page_created(
    entity: Entity, low: datetime | None, high: datetime | None, *, start_position: int, max_results: int
) -> str:
    return query.page(entity, created_from=low, created_to=high, start_position=start_position, max_results=max_results)


def _ids_created(
    entity: Entity, low: datetime | None, high: datetime | None, *, start_position: int, max_results: int
) -> str:
    return query.ids_only(
        entity, created_from=low, created_to=high, start_position=start_position, max_results=max_results
    )


def _count_created(entity: Entity, low: datetime | None, high: datetime | None) -> str:
    return query.count(entity, created_from=low, created_to=high)


def _page_updated(
    entity: Entity, low: datetime | None, high: datetime | None, *, start_position: int, max_results: int
) -> str:
    assert low is not None, "a walk by LastUpdatedTime starts at a moment"
    return query.updated_since(entity, low, updated_to=high, start_position=start_position, max_results=max_results)


def _count_updated(entity: Entity, low: datetime | None, high: datetime | None) -> str:
    return query.count(entity, updated_since=low, updated_to=high)


def _page_unkeyed(
    entity: Entity, low: datetime | None, high: datetime | None, *, start_position: int, max_results: int
) -> str:
    assert low is None, "an entity without times has no bounds"
    assert high is None, "an entity without times has no bounds"
    return query.page(entity, order_by=None, start_position=start_position, max_results=max_results)


def _count_all(entity: Entity, _low: datetime | None, _high: datetime | None) -> str:
    return query.count(entity)


CREATED = Key("created", "created_at", _page_created, _count_created)
BY_PLACE = Key("created", None, _page_created, _count_created)
"""In the order of CREATED, which is not relied on: by offset. A few rows at a time (a page that had to shrink) no
answer shows that its order means nothing, as that of TaxAgency."""
IDS = Key("created", "created_at", _ids_created, _count_created)
"""CREATED without the documents."""
UPDATED = Key("updated", "updated_at", _page_updated, _count_updated)
UNKEYED = Key("unkeyed", None, _page_unkeyed, _count_all)
"""No time to go by (RecurringTransaction): whole, by offset, until as many were met as there are."""
