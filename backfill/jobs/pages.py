"""One page that may be too much for the server: asked for smaller and smaller, down to the row.

A page of large objects can run into the server's 120 s, and one stored row that cannot be read (4002,
10000, HTTP 500, 504) fails every page that holds it. Both shrink the page by half. A single row that still fails is
set aside with its fault: under its Id where that can be had, else it is for the walk to say which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from backfill.errors import Disposition, RequestError
from backfill.jobs.keys import CREATED, Key
from backfill.jobs.slices import EARLIEST, ONE_SECOND
from backfill.jobs.too_much import AskSize, is_answered, is_too_much, refusal_of
from backfill.jobs.work import RealmWork
from backfill.model import Record, Refusal
from backfill.qbo import query
from backfill.qbo.catalogue import Entity
from backfill.rows import ids_of


@dataclass(slots=True)
class PageSize(AskSize):
    """In rows."""

    sends_more: bool = False
    """The server was seen to send one row more than it was asked for, as was reported of TimeActivity."""


@dataclass(frozen=True, slots=True)
class PageRead:
    """What one question for a page brought. A row set aside counts as received."""

    records: Sequence[Record]
    refusals: Sequence[Refusal]
    received: int
    full: bool
    """More may follow. A server may send one row more than asked for, so only "fewer than asked" proves the end."""
    unread: Sequence[RequestError] = ()
    """A row that cannot be read and whose Id cannot be had: it is known by its place only, which moves."""
    at: datetime | None = None
    """The answer's `time`; None of a row that was asked for by itself."""

    def ids(self) -> list[str]:
        """The Ids that came, those of rows that could not be read included."""
        return [*ids_of(self.records), *(refusal.id for refusal in self.refusals)]


async def read_page(
    work: RealmWork,
    entity: Entity,
    key: Key,
    low: datetime | None,
    high: datetime | None,
    *,
    start_position: int,
    size: PageSize,
    to_land: bool = True,
) -> PageRead:
    """Rows of `entity` between the bounds (inclusive) from `start_position` on, as many as the server can give.

    Not `to_land`: to be looked at here. Raises `RequestError` when what fails is not the page's size or content.
    """
    ask = work.ask.page_to_land if to_land else work.ask.page
    with ExitStack() as whole:
        while True:
            asked = size.now
            statement = key.page(entity, low, high, start_position=start_position, max_results=asked)
            try:
                # The one row left of a page is not set aside for a passing trouble: it is asked for with patience.
                page = await ask(entity, statement, hasty=size.suspect and asked > 1)
            except RequestError as error:
                if not is_too_much(error):
                    raise
                whole.enter_context(work.turn.whole())  # or the next turn would begin with the whole page again
                size.shrink(suspect=error.disposition is Disposition.RETRY)
                if asked == 1:
                    await work.check_well(error, key.count(entity, low, high))
                    place = _Place(entity, key, low, high, start_position)
                    return await _set_aside(work, place, fault=error)
            else:
                size.grow()
                size.sends_more = size.sends_more or page.received > asked
                full = page.received >= asked
                return PageRead(page.records, page.refusals, page.received, full, at=page.server_time)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands: by its number between two bounds of a key."""

    entity: Entity
    key: Key
    low: datetime | None
    high: datetime | None
    number: int


async def _set_aside(work: RealmWork, place: _Place, *, fault: RequestError) -> PageRead:
    """The one row that fails: read it by its Id, which may work where the query does not, else set it aside."""
    id_ = await _identify(work, place)
    if id_ is None:
        record = await _behind_another(work, place)
        return PageRead([record], [], 1, full=True) if record else PageRead([], [], 1, full=True, unread=[fault])
    record = await _read_by_id(work, place.entity, id_)
    if record is not None:
        return PageRead([record], [], 1, full=True)
    return PageRead([], [refusal_of(id_, fault)], 1, full=True)


async def _identify(work: RealmWork, place: _Place) -> str | None:
    """The Id of the row at that place, by a projection that leaves the broken part out; None where that fails too."""
    if place.key.name != CREATED.name:
        return None
    statement = query.ids_only(
        place.entity, created_from=place.low, created_to=place.high, start_position=place.number, max_results=1
    )
    try:
        # The row has just failed after all retries: what fails the projection too is most likely the row again.
        page = await work.ask.page(place.entity, statement, hasty=True)
    except RequestError as error:
        if not is_answered(error):
            raise
        return None
    return page.records[0].id if page.records else None


async def _behind_another(work: RealmWork, place: _Place) -> Record | None:
    """The row at that place of a server that sends one more than it is asked for, by asking for the one before it.

    To such a server a question for one row fails for the broken row behind it, too, although the row itself may be
    whole. Whether it is such a server may not have shown: where a walk goes on beside the row, no page has come yet.
    None: it is not, or nothing stands before the row, or what was asked fails as well.
    """
    low, number = place.low, place.number
    if number == 1 and low is not None:
        number += await work.ask.count(place.key.count(place.entity, EARLIEST, low - ONE_SECOND))
        low = EARLIEST
    if number == 1:
        return None
    statement = place.key.page(place.entity, low, place.high, start_position=number - 1, max_results=1)
    try:
        page = await work.ask.page(place.entity, statement, hasty=True)
    except RequestError as error:
        if not is_too_much(error):
            raise
        return None
    return page.records[1] if len(page.records) > 1 else None


async def _read_by_id(work: RealmWork, entity: Entity, id_: str) -> Record | None:
    try:
        page = await work.ask.object(entity, id_)
    except RequestError as error:
        if not is_answered(error):
            raise
        return None
    return page.records[0] if page.records else None
