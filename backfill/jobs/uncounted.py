"""All pages of what has neither a COUNT that says when all of it was met nor an order that can be relied on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from backfill.errors import Disposition, RequestError, UnprovenError
from backfill.jobs.too_much import AskSize, is_too_much
from backfill.jobs.work import RealmWork
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import PAGE_ROWS_MAX

PASSES_MAX = 4
"""What is deleted while pages are read moves others up past the reader: a second pass finds these, a third that they
are all. One more for what is deleted meanwhile."""

Statement = Callable[[int, int], str]
"""Writes the statement for a page from its first row's number, from 1 on, and how many rows are asked for."""


async def every_page(
    work: RealmWork, entity: Entity, statement: Statement, look: Callable[[Page], Awaitable[None]]
) -> None:
    """Show all of it to `look`, page by page; rows may come again. One short answer is all; several are read again
    until a pass brings nothing new but what was created since the first. What the server cannot answer at once is asked
    for in smaller pages.

    Raises `UnprovenError` if it never comes to rest, and `RequestError` where a single row cannot be had.
    """
    met: set[str] = set()
    began: datetime | None = None
    size = AskSize.of(PAGE_ROWS_MAX)
    for _ in range(PASSES_MAX):
        before = len(met)
        start, full, pages = 1, True, 0
        while full:
            work.check_stop()
            asked = size.now
            async with work.room_for(entity, asked):
                try:
                    page = await work.ask.page(entity, statement(start, asked), hasty=size.suspect and asked > 1)
                except RequestError as error:
                    if not is_too_much(error) or asked == 1:
                        raise
                    size.shrink(suspect=error.disposition is Disposition.RETRY)
                    continue
                size.grow()
                pages += 1
                full, start = page.received >= asked, start + page.received
                began = began or page.server_time.replace(microsecond=0)
                met.update(one.id for one in page.records if one.created_at is None or one.created_at < began)
                met.update(refusal.id for refusal in page.refusals)
                await look(page)
                del page  # with its room
        if pages == 1 or len(met) == before:
            return
    raise UnprovenError(
        f"{entity.name} of realm {work.realm_id}: each of {PASSES_MAX} passes brought rows that none had before.",
        action="Run the same command again at a quieter hour.",
    )
