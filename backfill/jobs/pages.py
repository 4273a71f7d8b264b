"""One page that may be too much for the server: asked for smaller and smaller, down to the row.

A page of large objects can run into the server's 120 s, and one stored row that cannot be read (4002,
10000) fails every page that holds it. Both shrink the page by half. A single row that still fails is set
aside with its fault, and the walk goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backfill.errors import Disposition, FaultError, RequestError
from backfill.jobs.keys import CREATED, Key
from backfill.jobs.work import RealmWork
from backfill.model import Record, Refusal
from backfill.qbo import query
from backfill.qbo.catalogue import Entity

_SMALLER = {Disposition.SHRINK, Disposition.QUARANTINE}


@dataclass(slots=True)
class PageSize:
    """How many rows to ask for next: halved when a page fails, doubled when one comes."""

    most: int
    rows: int

    @classmethod
    def of(cls, most: int) -> PageSize:
        return cls(most=most, rows=most)

    def shrink(self) -> None:
        self.rows = max(1, self.rows // 2)

    def grow(self) -> None:
        self.rows = min(self.most, self.rows * 2)


@dataclass(frozen=True, slots=True)
class PageRead:
    """What one question for a page brought. A row set aside counts as received."""

    records: Sequence[Record]
    refusals: Sequence[Refusal]
    received: int
    full: bool
    """More may follow. A server may send one row more than asked for, so only "fewer than asked" proves the end."""

    def ids(self) -> Iterator[str]:
        """The Ids that came, those of rows that could not be read included."""
        yield from (record.id for record in self.records)
        yield from (refusal.id for refusal in self.refusals)


async def read_page(
    work: RealmWork,
    entity: Entity,
    key: Key,
    low: datetime | None,
    high: datetime | None,
    *,
    start_position: int,
    size: PageSize,
) -> PageRead:
    """Rows of `entity` between the bounds (inclusive) from `start_position` on, as many as the server can give.

    Raises `RequestError` when what fails is not the page's size or content.
    """
    while True:
        asked = size.rows
        statement = key.page(entity, low, high, start_position=start_position, max_results=asked)
        try:
            page = await work.ask.page(entity, statement)
        except RequestError as error:
            if error.disposition not in _SMALLER:
                raise
            if asked == 1:
                return await _set_aside(work, entity, key, low, high, start_position=start_position, fault=error)
            size.shrink()
        else:
            size.grow()
            return PageRead(page.records, page.refusals, page.received, full=page.received >= asked)


async def _set_aside(
    work: RealmWork,
    entity: Entity,
    key: Key,
    low: datetime | None,
    high: datetime | None,
    *,
    start_position: int,
    fault: RequestError,
) -> PageRead:
    """The one row that fails: read it by its Id, which may work where the query does not, else quarantine it."""
    id_ = await _identify(work, entity, key, low, high, start_position)
    record = await _read_by_id(work, entity, id_) if id_ else None
    if record is not None:
        return PageRead([record], [], 1, full=True)
    place = f"?{key.name}:{low.isoformat() if low else ''}+{start_position}"
    refusal = Refusal(id=id_ or place, code=fault.code, message=fault.message, raw=b"")
    return PageRead([], [refusal], 1, full=True)


async def _identify(
    work: RealmWork, entity: Entity, key: Key, low: datetime | None, high: datetime | None, start_position: int
) -> str | None:
    """The Id of the row at that place, by a projection that leaves the broken part out; None where that fails too."""
    if key is not CREATED:
        return None
    statement = query.ids_only(entity, created_from=low, created_to=high, start_position=start_position, max_results=1)
    try:
        page = await work.ask.page(entity, statement)
    except FaultError:
        return None
    return page.records[0].id if page.records else None


async def _read_by_id(work: RealmWork, entity: Entity, id_: str) -> Record | None:
    try:
        page = await work.ask.object(entity, id_)
    except FaultError:
        return None
    return page.records[0] if page.records else None
